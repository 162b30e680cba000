"""What requests and answers of the API look like. Images are PNG files (requests: any usual format) in base64."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["MOST_ITEMS", "Codes", "Images", "ModelFacts", "SampleRequest"]

MOST_ITEMS = 64
"""The most images or codes of one request."""

Image = Annotated[str, Field(max_length=16_000_000)]
Code = Annotated[list[float], Field(max_length=1_000_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class SampleRequest(_Strict):
    """`classes` is the class of all samples, or that of each; `truncation` below 1 gives less variety."""

    n: int = Field(1, ge=1, le=MOST_ITEMS)
    seed: int = Field(0, ge=0, lt=2**63)
    classes: Annotated[str, Field(max_length=200)] | list[Annotated[str, Field(max_length=200)]] | None = None
    truncation: float = Field(1.0, ge=0, le=2)


class Images(_Strict):
    """Images in base64."""

    images: list[Image] = Field(min_length=1, max_length=MOST_ITEMS)


class Codes(_Strict):
    """Codes, the values of each in one list; their shape is in the model's facts."""

    codes: list[Code] = Field(min_length=1, max_length=MOST_ITEMS)


class ModelFacts(_Strict):
    """A model: what it holds, the shape of its images (C, H, W) and of its codes, its classes and its licence."""

    name: str
    version: str
    holds: list[str]
    image_shape: list[int]
    code_shape: list[int]
    classes: list[str]
    license: str
