"""What `zoo transfer` does without a source: measure the releases on the images, show them, and take the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from zoo.cli import show

__all__ = ["choose", "images_to_adapt", "tell_time"]

_PICTURE = "sources.png"
_DRAWN = 3
_POOR = 0.25
"""An autoencoder that loses more of the images' variance learns them first (docs/appendix/auto-thresholds.md)."""
_ADAPT = 12_800


def choose(given: Mapping[str, Any], out: Path | None, silent: bool) -> Any:
    """The best `Candidate` for the images of a command's options. Unless `silent` the ranking is printed; with `out`
    four images as the best three keep them are drawn into that folder. Raises ConfigError if no release fits."""
    from zoo.cli.recipes import data_from_options
    from zoo.training.choice import choose_source

    def tell(name: str) -> None:
        if not silent:
            click.echo(f"measuring {name} on your images", err=True)

    candidates = choose_source(data_from_options(given), tell)
    if out is not None:
        _draw(candidates[:_DRAWN], out / _PICTURE)
    if not silent:
        _print(candidates, out)
    return candidates[0]


def images_to_adapt(chosen: Any, given: Mapping[str, Any], space: str) -> int | None:
    """How many images the chosen autoencoder learns first: what the user says, or as many as usual if it is poor."""
    asked: int | None = given.get("adapt")
    poor = chosen.space == "pixels" and chosen.error > _POOR and space != "codes"
    return _ADAPT if asked is None and poor else asked


def tell_time(recipe: Any) -> None:
    """Say on stderr what training a recipe will take, by a few steps of it."""
    from zoo.training.duration import seconds_to_train

    images = recipe.gan.training.images
    first = (
        "" if recipe.autoencoder is None else f"{recipe.autoencoder.training.images:,} to adapt the autoencoder, then "
    )
    click.echo(f"training: {first}{images:,} images shown, about {show.duration(seconds_to_train(recipe))}", err=True)


def _print(candidates: Sequence[Any], out: Path | None) -> None:
    rows = [
        (one.name, one.trained_on, _size(one.shape), "-" if one.why else f"{one.error:.1%}", one.license)
        for one in candidates
    ]
    show.print_table(("source", "trained on", "images", "lost", "licence"), rows)
    for one in candidates:
        if one.why:
            click.echo(f"{one.name}: {one.why}")
    click.echo("lost: of the variance of held-out images of yours, by size and colour too")
    if out is not None:
        click.echo(f"your images as the best {min(_DRAWN, len(candidates))} keep them: {out / _PICTURE}")
    others = [one.name for one in candidates[1:] if not one.why]
    another = f" To take another: zoo transfer {others[0]} ..." if others else ""
    click.echo(f"taken: {candidates[0].name}.{another}")


def _size(shape: Sequence[int]) -> str:
    """`64x64 colour`."""
    return f"{shape[2]}x{shape[1]} {'colour' if shape[0] == 3 else 'grey'}" if len(shape) == 3 else show.shape(shape)


def _draw(candidates: Sequence[Any], path: Path) -> None:
    """Images beside what each candidate that fits keeps of them."""
    from zoo._utils.files import write_atomically
    from zoo.data.grids import captioned_grid, grid, png_bytes

    fitting = [one for one in candidates if not one.why]
    scale = max(1, 96 // min(fitting[0].before.shape[2:]))
    panels = [("your images", grid(fitting[0].before, 4, scale=scale))]
    panels += [(f"{one.name}: {one.error:.1%} lost", grid(one.after, 4, scale=scale)) for one in fitting]
    write_atomically(path, png_bytes(captioned_grid(panels, across=1)))
