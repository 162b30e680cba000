"""Inversion: the codes of images, from the encoder's codes by a search; then a generator that is tuned to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from zoo.editing.search import default_steps, search_codes, start_codes
from zoo.editing.space import CodeSpace
from zoo.editing.target import Target, Terms, psnr
from zoo.editing.tuning import tune_generator
from zoo.errors import ConfigError

__all__ = ["FEATURE_WEIGHT", "TUNING_STEPS", "Inversion", "counted", "edited_images", "invert"]

FEATURE_WEIGHT = 0.0
"""The weight of the feature distance beside the squared error of images in [0, 1]. Features of the pair's own encoder
gained nothing on digits, emoji and clothing (docs/edit.md)."""
TUNING_STEPS = 200


@dataclass(frozen=True)
class Inversion:
    """Codes of images and how near their images come, on the CPU.

    `codes` (N, *code_shape); `images` (N, *output.shape), what the generator makes of them, tuned or not; `psnr` and
    `features` (N,), their PSNR in dB and feature distance from 0 to 4 (NaN without a network of features); `steps`
    (N,), after how many steps of the search each code was found; `curve` (steps + 1, N), the PSNR after each step, the
    start first. The generator of `space` is the tuned one, if it was tuned, that of `untuned` the model's own.
    """

    space: CodeSpace
    untuned: CodeSpace
    codes: Tensor
    condition: Tensor | None
    images: Tensor
    psnr: Tensor
    features: Tensor
    steps: Tensor
    curve: Tensor
    tuned: bool

    @property
    def searched(self) -> Tensor:
        """The PSNR (N,) that the search reached, before tuning."""
        return self.curve.gather(0, self.steps[None])[0]

    def edited(self, moves: Tensor, strengths: Sequence[float]) -> Tensor:
        """The images (N, S, *output.shape) of the codes moved by each of S strengths times `moves` (N, *code_shape),
        one move a code (`Directions.moves`). Raises ConfigError for moves of another shape."""
        return edited_images(self.space, self.codes, self.condition, moves, strengths)


def edited_images(
    space: CodeSpace, codes: Tensor, condition: Tensor | None, moves: Tensor, strengths: Sequence[float]
) -> Tensor:
    """The images (N, S, *output.shape) of codes (N, *code_shape) moved by each of S strengths times `moves`. Raises
    ConfigError for moves of another shape."""
    if moves.shape != codes.shape:
        raise ConfigError(f"moves of shape {list(moves.shape)} do not fit codes {list(codes.shape)}")
    steps = torch.tensor(list(strengths)).view(1, -1, *[1] * len(space.code_shape))
    moved = codes[:, None] + steps * moves[:, None]
    conditions = None if condition is None else condition.repeat_interleave(len(strengths), 0)
    return space.images(moved.flatten(0, 1), conditions).unflatten(0, moved.shape[:2])


def invert(
    model: Any,
    images: Tensor,
    *,
    steps: int | None = None,
    method: str = "adam",
    start: str = "encoder",
    classes: str | Sequence[str] | Tensor | None = None,
    tune: int | bool = False,
    seed: int = 0,
    batch: int = 64,
    weight: float = FEATURE_WEIGHT,
    progress: Callable[[int, int], None] | None = None,
) -> Inversion:
    """Search the codes of images (N, *output.shape) in the value range.

    `model` is a loaded release or a run, a GAN or an Autoencoder; see `CodeSpace`. From `start` (`encoder` or `mean`),
    `steps` steps on the code minimise the squared error of images in [0, 1], plus `weight` times the distance of
    feature stages. The `method` is `adam`, 100 steps unless said otherwise, or `gauss-newton`, 10, each of which costs
    as many images as a code has values. `tune` then tunes the generator to all the images, with the codes fixed
    (`tune_generator`), in so many steps (True: 200); `model` itself stays as it is. `classes` are those of the images,
    if the generator takes one. `progress` gets the steps that are done, and all of them. The same `seed` gives the same
    result.

    Raises ConfigError for images of another shape, without an encoder (unless start is `mean`) and for classes that are
    unknown or missing, Diverged if a loss is not finite.
    """
    space = CodeSpace(model)
    space.require_images(images)
    most = default_steps(space, method)
    steps = most if steps is None else steps
    if steps < 0 or batch < 1:
        raise ConfigError(f"{steps} steps in batches of {batch} are not possible", "Give 0 steps or more.")
    tuning = TUNING_STEPS if tune is True else int(tune)
    parts = [slice(at, at + batch) for at in range(0, len(images), batch)]
    tell = counted(progress, len(parts) * steps + tuning)
    first = torch.cat([start_codes(space, images[rows], start) for rows in parts])
    target = Target(first, images, space.condition(classes, len(images)))
    searches = []
    for part in map(target.rows, parts):
        searches.append(search_codes(space, part.codes, part.objective(space, weight), steps, tell, method))
    untuned, target = space, target._replace(codes=torch.cat([part.codes for part in searches]))
    if tuning:
        space = tune_generator(space, target, steps=tuning, seed=seed, weight=weight, tell=tell)
    terms = _measured(space, target, parts)
    return Inversion(
        space=space,
        untuned=untuned,
        codes=target.codes,
        condition=target.condition,
        images=space.images(target.codes, target.condition),
        psnr=psnr(terms.error),
        features=terms.features,
        steps=torch.cat([part.steps for part in searches]),
        curve=psnr(torch.cat([part.errors for part in searches], 1)),
        tuned=bool(tuning),
    )


def counted(progress: Callable[[int, int], None] | None, total: int) -> Callable[[], None]:
    """A function that counts its calls and reports their number, of `total`."""
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    return tell


def _measured(space: CodeSpace, target: Target, parts: Sequence[slice]) -> Terms:
    """The terms of the codes of `target`, on the CPU."""
    with torch.no_grad():
        each = [
            part.objective(space, 0.0, measure=True)(part.codes.to(space.device), part.every(space))
            for part in map(target.rows, parts)
        ]
    return Terms(*(torch.cat(values).cpu() for values in zip(*each, strict=True)))
