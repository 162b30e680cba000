"""zoo cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zoo.cli import completing, options, show
from zoo.errors import ConfigError

__all__ = ["cluster"]

_CHUNK = 512


@click.command()
@click.argument("name", metavar="[NAME|DIR]", required=False, shell_complete=completing.complete_model)
@options.data
@click.option("--classes", "count", type=click.IntRange(2, 10_000), required=True, help="How many.")
@click.option("--metric", metavar="COMPONENT", help="Compare these features, not an autoencoder's codes.")
@click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help="The folder to write.")
@options.size
@options.seed
@options.device
@options.json_option
@options.quiet_option
def cluster(
    name: str | None,
    data: str,
    count: int,
    metric: str | None,
    out: Path,
    size: int | None,
    seed: int,
    device: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Put images without labels into classes: clusters of an autoencoder's codes, or of the features of a metric.

    Writes labels.csv, a picture of each class, and clusters.png with the images nearest to each centre.

    \b
    zoo cluster dcgan.mnist5k --data mnist5k --classes 20 -o clusters/
    zoo cluster --metric efficientnet --data photos/ --classes 9 -o clusters/
    """
    from zoo.transfers.cluster_files import TABLE, names_of_clusters, write_clusters

    if (name is None) == (metric is None):
        raise click.UsageError("give an autoencoder (NAME or DIR) or --metric, one of the two")
    images, codes = _codes(name, metric, data, size, device)
    show.skipped(images.skipped)
    clusters = write_clusters(images, codes, count, out, seed)
    names = names_of_clusters(count)
    sizes = clusters.labels.bincount(minlength=count).tolist()
    if as_json:
        facts = {"folder": str(out), "classes": dict(zip(names, sizes, strict=True)), "within": clusters.left}
        show.print_json(facts)
    elif quiet:
        show.print_lines([out])
    else:
        show.print_table(("class", "images"), list(zip(names, sizes, strict=True)))
        click.echo(f"{clusters.left:.0%} of the variance is within classes. Look at {out / 'clusters.png'}")
        click.echo(f"Next: zoo train gan --by-class --data {data} --labels {out / TABLE} --out runs/classes")


def _codes(name: str | None, metric: str | None, data: str, size: int | None, device: str | None) -> tuple[Any, Any]:
    """The images and the codes or features (N, d) of all."""
    import torch

    from zoo.data.config import DataConfig
    from zoo.data.open import open_data
    from zoo.encoding.codes import codes_of
    from zoo.metrics.evaluate import feature_space, features_of
    from zoo.training.devices import choose

    config = DataConfig(data, shape=None if size is None else (3, size, size), labels="off")
    if metric is not None:
        images = open_data(config)
        space = feature_space(metric, choose(device or "auto"))
        parts = torch.arange(len(images)).split(_CHUNK)
        return images, torch.cat([features_of(images.batch(part), images.spec, space) for part in parts])
    autoencoder = options.open_model(str(name), device).autoencoder
    if autoencoder is None:
        raise ConfigError(f"{name} holds no autoencoder, only a GAN", "Others: zoo list")
    if size is not None:
        raise ConfigError("--size is for --metric: an autoencoder has a size of its own", "Leave it out.")
    images = open_data(config, like=autoencoder.output)
    return images, codes_of(autoencoder, images)
