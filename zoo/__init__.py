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
    from zoo.networks.compose import autoencoder as autoencoder, gan as gan
    from zoo.plugins import components as components
    from zoo.registry.index import models as models
    from zoo.registry.load import load as load
    from zoo.remote.push import push as push
    from zoo.training.api import open_run as open_run, resume as resume, train as train
    from zoo.training.pipeline import run_recipe as run_recipe
    from zoo.training.recipe import read_recipe as read_recipe
    from zoo.transfers.apply import transfer as transfer
    from zoo.types import DataSpec as DataSpec, PartSpec as PartSpec

__version__ = "0.1.0"

_HOMES = {
    "DataSpec": "zoo.types",
    "PartSpec": "zoo.types",
    "ZooError": "zoo.errors",
    "autoencoder": "zoo.networks.compose",
    "components": "zoo.plugins",
    "gan": "zoo.networks.compose",
    "load": "zoo.registry.load",
    "models": "zoo.registry.index",
    "open_images": "zoo.data.open",
    "open_run": "zoo.training.api",
    "push": "zoo.remote.push",
    "read_recipe": "zoo.training.recipe",
    "resume": "zoo.training.api",
    "run_recipe": "zoo.training.pipeline",
    "train": "zoo.training.api",
    "transfer": "zoo.transfers.apply",
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
