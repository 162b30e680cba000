"""Make a release of two runs, an autoencoder's and that of the GAN initialised from it, with one recipe for both.

    python tools/make_release.py dcgan.mnist5k 1.1.0 runs/autoencoder runs/gan zoo_starter/releases/dcgan.mnist5k

The GAN's run names the autoencoder by its digest only; the recipe written here trains both. If the GAN was initialised
from a release, give `-` for the autoencoder's run; the recipe then names the release.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from zoo.metrics.evaluate import reference
from zoo.training.api import open_run
from zoo.training.release import Trained, write_pair

SAMPLES = 2000


def main() -> None:
    """Read both runs, evaluate the GAN, write the release."""
    name, version, source, run, folder = sys.argv[1:]
    gan = open_run(run)
    assert gan.gan is not None, f"{run} holds no GAN"
    recipe = replace(gan.recipe, name=name)
    assert recipe.gan is not None
    if gan.shown < recipe.gan.training.images:  # stopped early: training on that many gives the same weights
        training = replace(recipe.gan.training, images=gan.shown)
        recipe = replace(recipe, gan=replace(recipe.gan, training=training))
    if source != "-":
        before = open_run(source).recipe
        assert before.data.sha256 == recipe.data.sha256, "the two runs were trained on different images"
        assert recipe.transfer is not None
        recipe = replace(
            recipe, autoencoder=before.autoencoder, transfer=replace(recipe.transfer, source="autoencoder")
        )
    figures = reference(gan.images, "judge").measure(gan.gan.sample(SAMPLES), whole=True)
    trained = Trained(gan.autoencoder, gan.gan, gan.image_sample, recipe, gan.shown, gan.report, figures)
    manifest = write_pair(trained, folder, license=gan.images.license, name=name, version=version)
    size = sum(path.stat().st_size for path in Path(folder).iterdir())
    print(f"{manifest.name} {manifest.version}: {size / 2**20:.1f} MiB")
    for figure in figures:
        print(f"  {figure.name} {figure.value:.4g} (floor {figure.floor})")


if __name__ == "__main__":
    main()
