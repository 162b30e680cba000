"""Zoo: autoencoder -> GAN transfer. Compose, pull, transfer, train, measure, publish.

    import zoo

    pair = zoo.load("dcgan.glyphs-sans32")
    moved = zoo.transfer(pair.autoencoder, data="mnist5k")
    run = zoo.train(moved, data="mnist5k", images=50_000, out="runs/mine")
    images = run.gan.sample(16, seed=0)

Names are imported when they are first used: `import zoo` alone imports neither torch nor click.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.data.open import open_images as open_images
    from zoo.errors import ZooError as ZooError
    from zoo.networks.compose import autoencoder as autoencoder
    from zoo.networks.compose import gan as gan
    from zoo.pairs import load as load
    from zoo.pipeline import run_recipe as run_recipe
    from zoo.plugins import components as components
    from zoo.registry import models as models
    from zoo.remote.push import push as push
    from zoo.runs import open_run as open_run
    from zoo.runs import resume as resume
    from zoo.runs import train as train
    from zoo.specs import DataSpec as DataSpec
    from zoo.specs import PartSpec as PartSpec
    from zoo.training.recipe import read_recipe as read_recipe
    from zoo.transfers.transfer import transfer as transfer

__version__ = "0.1.0"

_HOMES = {
    "DataSpec": "zoo.specs",
    "PartSpec": "zoo.specs",
    "ZooError": "zoo.errors",
    "autoencoder": "zoo.networks.compose",
    "components": "zoo.plugins",
    "gan": "zoo.networks.compose",
    "load": "zoo.pairs",
    "models": "zoo.registry",
    "open_images": "zoo.data.open",
    "open_run": "zoo.runs",
    "push": "zoo.remote.push",
    "read_recipe": "zoo.training.recipe",
    "resume": "zoo.runs",
    "run_recipe": "zoo.pipeline",
    "train": "zoo.runs",
    "transfer": "zoo.transfers.transfer",
}

__all__ = [
    "DataSpec",
    "PartSpec",
    "ZooError",
    "__version__",
    "autoencoder",
    "components",
    "gan",
    "load",
    "models",
    "open_images",
    "open_run",
    "push",
    "read_recipe",
    "resume",
    "run_recipe",
    "train",
    "transfer",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
