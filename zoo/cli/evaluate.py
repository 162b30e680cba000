"""zoo evaluate."""

from __future__ import annotations

from typing import Any

import click

from zoo.cli import completing, options, show

__all__ = ["evaluate"]


@click.command()
@click.argument("name", metavar="NAME|DIR", shell_complete=completing.models)
@options.data
@click.option(
    "--metric",
    default="judge",
    show_default=True,
    shell_complete=completing.components("metric"),
    help="The feature space: a metric component.",
)
@click.option(
    "-n", "count", type=click.IntRange(2, 1_000_000), default=2000, show_default=True, help="How many samples."
)
@options.seed
@options.device
@options.json_flag
def evaluate(name: str, data: str, metric: str, count: int, seed: int, device: str | None, as_json: bool) -> None:
    """Measure KID and FID of a GAN's samples against held-out images, in a frozen feature space that neither the
    autoencoder nor the discriminator was trained in. The floor is the same figure of real images against real ones.

    \b
    zoo evaluate runs/mine --data mnist5k
    zoo evaluate release/ --data photos/ -n 5000 --json
    """
    from zoo.config import to_plain
    from zoo.data.open import open_images
    from zoo.errors import ConfigError
    from zoo.metrics.evaluate import reference
    from zoo.training.devices import choose

    gan: Any = options.open_model(name, device).gan
    if gan is None:
        raise ConfigError(f"{name} holds no GAN", "Others: zoo list")
    images = open_images(data, like=gan.data)
    figures = reference(images, metric, device=choose(device or "auto")).measure(gan.sample(count, seed), seeds=(seed,))
    if as_json:
        show.as_json([to_plain(figure) for figure in figures])
        return
    show.table(
        ("metric", "value", "95 % interval", "floor", "samples", "real", "features"),
        [
            (f.name, f"{f.value:.4g}", _interval(f), _floor(f), f.n, f"{f.reference} {f.split}", f.extractor)
            for f in figures
        ],
    )


def _interval(figure: Any) -> str:
    return f"{figure.interval[0]:.4g} to {figure.interval[1]:.4g}" if figure.interval else "-"


def _floor(figure: Any) -> str:
    return f"{figure.floor:.4g}" if figure.floor is not None else "-"
