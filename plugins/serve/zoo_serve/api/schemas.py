"""What requests and answers of the API look like. Images are PNG files (requests: any usual format) in base64."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "MOST_ITEMS",
    "Codes",
    "DirectionSet",
    "EditRequest",
    "Edited",
    "Images",
    "InvertRequest",
    "Inverted",
    "ModelFacts",
    "SampleRequest",
]

MOST_ITEMS = 64
"""The most images or codes of one request."""

MOST_SEARCHED = 16
"""The most images of one request whose codes are searched, and the most strengths of an edit."""

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


class InvertRequest(_Strict):
    """Images whose codes are searched, in `steps` steps from the encoder's code or the prior's mean code. `classes` is
    the class of all, or that of each, if the generator takes one."""

    images: list[Image] = Field(min_length=1, max_length=MOST_SEARCHED)
    steps: int = Field(20, ge=0, le=100)
    start: Literal["encoder", "mean"] = "encoder"
    classes: Annotated[str, Field(max_length=200)] | list[Annotated[str, Field(max_length=200)]] | None = None


class Inverted(_Strict):
    """Of each image its code, what the generator makes of it, and the PSNR of that in dB."""

    codes: list[Code]
    images: list[Image]
    psnr: list[float]


class EditRequest(InvertRequest):
    """Images that are changed along a direction of the release, such as `8`, or `3,8` from one class to another: one
    image for each strength. At most 64 images come back."""

    direction: str = Field(min_length=1, max_length=500)
    strengths: list[Annotated[float, Field(ge=-100, le=100)]] = Field(
        default=[1.0], min_length=1, max_length=MOST_SEARCHED
    )


class Edited(_Strict):
    """Of each image: one image for each strength, and the PSNR in dB of what the generator makes of its code."""

    images: list[list[Image]]
    psnr: list[float]


class DirectionSet(_Strict):
    """Directions of a release that were found in one way: by `classes`, `attributes`, `examples` or `components`."""

    method: str
    names: list[str]


class ModelFacts(_Strict):
    """A model: what it holds, the shape of its images (C, H, W) and of its codes, its classes and its licence."""

    name: str
    version: str
    holds: list[str]
    image_shape: list[int]
    code_shape: list[int]
    classes: list[str]
    license: str
