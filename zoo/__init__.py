"""Zoo: autoencoder -> GAN transfer. Compose, pull, transfer, train, measure, publish.

    import zoo

    pair = zoo.load("dcgan.glyphs-sans32")
    moved = zoo.transfer(pair.autoencoder, data="mnist5k")
    run = zoo.train(moved, data="mnist5k", images=50_000, out="runs/mine")
    images = run.gan.sample(16, seed=0)

Names are imported when they are first used: `import zoo` alone imports neither torch nor click.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo._utils.lazy import attach

if TYPE_CHECKING:
    from zoo.data.open import open_images as open_images
    from zoo.editing.direction_files import read_directions as read_directions, write_directions as write_directions
    from zoo.editing.directions import find_directions as find_directions
    from zoo.editing.filling import fill as fill
    from zoo.editing.inversion import invert as invert
    from zoo.encoding.first_stage import first_stage as first_stage
    from zoo.errors import ZooError as ZooError
    from zoo.networks.compose import autoencoder as autoencoder, encoder as encoder, gan as gan
    from zoo.plugins import components as components
    from zoo.registry.index import models as models
    from zoo.registry.load import load as load
    from zoo.remote.push import push as push
    from zoo.sampling.dataset import SampledImages as SampledImages
    from zoo.sampling.folder import write_samples as write_samples
    from zoo.training.api import open_run as open_run, resume as resume, train as train
    from zoo.training.pipeline import run_recipe as run_recipe
    from zoo.training.recipe import read_recipe as read_recipe
    from zoo.transfers.apply import transfer as transfer
    from zoo.types import DataSpec as DataSpec, PartSpec as PartSpec

__version__ = "0.1.0"

__getattr__, __dir__, _names = attach(__name__, __file__)
__all__ = sorted(["__version__", *_names])
