"""Everything that a plugin may import from zoo: contracts, plain facts, errors, and helpers for networks and strategies.

Importing this module does not import torch, so that plugin and config modules may use it; a name that needs torch is
imported when it is first used. Names that are not listed here are private and may change.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from zoo.config import to_plain
from zoo.errors import (
    CompositionError,
    ConfigError,
    DataError,
    Diverged,
    IntegrityError,
    PluginError,
    ReleaseError,
    RemoteError,
    StorageError,
    TrainingError,
    TransferError,
    UnknownName,
    ZooError,
    near,
)
from zoo.plugins.hookspecs import hook
from zoo.types import Component, DataSpec, Event, Kind, Metric, Origin, PartSpec, RunFacts

if TYPE_CHECKING:
    from zoo._utils.distributed import all_gather as all_gather
    from zoo._utils.distributed import all_reduce_mean as all_reduce_mean
    from zoo._utils.seeds import per_sample as per_sample
    from zoo._utils.seeds import seed_of as seed_of
    from zoo._utils.seeds import seeded as seeded
    from zoo._utils.seeds import stream as stream
    from zoo.data.convert import convert_samples as convert_samples
    from zoo.data.types import Dataset as Dataset
    from zoo.losses.balance import GradientBalance as GradientBalance
    from zoo.losses.logits import over_groups as over_groups
    from zoo.losses.types import AdversarialObjective as AdversarialObjective
    from zoo.losses.types import AutoencoderObjective as AutoencoderObjective
    from zoo.losses.types import AuxiliaryLoss as AuxiliaryLoss
    from zoo.losses.types import FeedbackSchedule as FeedbackSchedule
    from zoo.losses.types import Losses as Losses
    from zoo.losses.types import Regulariser as Regulariser
    from zoo.losses.types import Side as Side
    from zoo.losses.types import StepContext as StepContext
    from zoo.metrics.types import FeatureSpace as FeatureSpace
    from zoo.networks.autoencoder import Autoencoder as Autoencoder
    from zoo.networks.compose import build_autoencoder as build_autoencoder
    from zoo.networks.compose import build_discriminator as build_discriminator
    from zoo.networks.compose import build_part as build_part
    from zoo.networks.discriminator import EncoderDiscriminator as EncoderDiscriminator
    from zoo.networks.flows import FlowPrior as FlowPrior
    from zoo.networks.gan import GAN as GAN
    from zoo.networks.output import output as output
    from zoo.networks.priors import NormalPrior as NormalPrior
    from zoo.networks.spectral import keep_gains as keep_gains
    from zoo.networks.spectral import normalised as normalised
    from zoo.networks.types import Bottleneck as Bottleneck
    from zoo.networks.types import Discriminator as Discriminator
    from zoo.networks.types import DiscriminatorOutput as DiscriminatorOutput
    from zoo.networks.types import Encoder as Encoder
    from zoo.networks.types import Features as Features
    from zoo.networks.types import Generator as Generator
    from zoo.networks.types import Posterior as Posterior
    from zoo.networks.types import Prior as Prior
    from zoo.networks.utils import evaluating as evaluating
    from zoo.plugins import normalise as normalise
    from zoo.training.task import ImageTask as ImageTask
    from zoo.transfers.density import GaussianFit as GaussianFit
    from zoo.transfers.density import fit_gaussian as fit_gaussian
    from zoo.transfers.density import fit_mixture as fit_mixture
    from zoo.transfers.density import memoize as memoize
    from zoo.transfers.layer_mapping import activation_mismatch as activation_mismatch
    from zoo.transfers.plan import ApplyContext as ApplyContext
    from zoo.transfers.plan import Edit as Edit
    from zoo.transfers.plan import GANTask as GANTask
    from zoo.transfers.plan import Schedule as Schedule
    from zoo.transfers.plan import Slot as Slot
    from zoo.transfers.plan import Source as Source
    from zoo.transfers.plan import TrainingPhase as TrainingPhase
    from zoo.transfers.plan import TransferPlan as TransferPlan
    from zoo.transfers.plan import TransferStrategy as TransferStrategy
    from zoo.transfers.plan import edit_each as edit_each
    from zoo.transfers.weight_mapping import fold_affine as fold_affine
    from zoo.transfers.weight_mapping import map_weights as map_weights
    from zoo.transfers.weight_mapping import name_of as name_of
    from zoo.transfers.weight_mapping import require_same_data as require_same_data

_LAZY = {
    "zoo._utils.distributed": (
        "all_gather",
        "all_reduce_mean",
    ),
    "zoo._utils.seeds": (
        "per_sample",
        "seed_of",
        "seeded",
        "stream",
    ),
    "zoo.data.convert": ("convert_samples",),
    "zoo.data.types": ("Dataset",),
    "zoo.losses.balance": ("GradientBalance",),
    "zoo.losses.logits": ("over_groups",),
    "zoo.losses.types": (
        "AdversarialObjective",
        "AutoencoderObjective",
        "AuxiliaryLoss",
        "FeedbackSchedule",
        "Losses",
        "Regulariser",
        "Side",
        "StepContext",
    ),
    "zoo.metrics.types": ("FeatureSpace",),
    "zoo.networks.autoencoder": ("Autoencoder",),
    "zoo.networks.compose": (
        "build_autoencoder",
        "build_discriminator",
        "build_part",
    ),
    "zoo.networks.discriminator": ("EncoderDiscriminator",),
    "zoo.networks.flows": ("FlowPrior",),
    "zoo.networks.gan": ("GAN",),
    "zoo.networks.output": ("output",),
    "zoo.networks.priors": ("NormalPrior",),
    "zoo.networks.spectral": (
        "keep_gains",
        "normalised",
    ),
    "zoo.networks.types": (
        "Bottleneck",
        "Discriminator",
        "DiscriminatorOutput",
        "Encoder",
        "Features",
        "Generator",
        "Posterior",
        "Prior",
    ),
    "zoo.networks.utils": ("evaluating",),
    "zoo.plugins": ("normalise",),
    "zoo.training.task": ("ImageTask",),
    "zoo.transfers.density": (
        "GaussianFit",
        "fit_gaussian",
        "fit_mixture",
        "memoize",
    ),
    "zoo.transfers.layer_mapping": ("activation_mismatch",),
    "zoo.transfers.plan": (
        "ApplyContext",
        "Edit",
        "GANTask",
        "Schedule",
        "Slot",
        "Source",
        "TrainingPhase",
        "TransferPlan",
        "TransferStrategy",
        "edit_each",
    ),
    "zoo.transfers.weight_mapping": (
        "fold_affine",
        "map_weights",
        "name_of",
        "require_same_data",
    ),
}
_HOME = {name: module for module, names in _LAZY.items() for name in names}

__all__ = [
    "GAN",
    "AdversarialObjective",
    "ApplyContext",
    "Autoencoder",
    "AutoencoderObjective",
    "AuxiliaryLoss",
    "Bottleneck",
    "Component",
    "CompositionError",
    "ConfigError",
    "DataError",
    "DataSpec",
    "Dataset",
    "Discriminator",
    "DiscriminatorOutput",
    "Diverged",
    "Edit",
    "Encoder",
    "EncoderDiscriminator",
    "Event",
    "FeatureSpace",
    "Features",
    "FeedbackSchedule",
    "FlowPrior",
    "GANTask",
    "GaussianFit",
    "Generator",
    "GradientBalance",
    "ImageTask",
    "IntegrityError",
    "Kind",
    "Losses",
    "Metric",
    "NormalPrior",
    "Origin",
    "PartSpec",
    "PluginError",
    "Posterior",
    "Prior",
    "Regulariser",
    "ReleaseError",
    "RemoteError",
    "RunFacts",
    "Schedule",
    "Side",
    "Slot",
    "Source",
    "StepContext",
    "StorageError",
    "TrainingError",
    "TrainingPhase",
    "TransferError",
    "TransferPlan",
    "TransferStrategy",
    "UnknownName",
    "ZooError",
    "activation_mismatch",
    "all_gather",
    "all_reduce_mean",
    "build_autoencoder",
    "build_discriminator",
    "build_part",
    "convert_samples",
    "edit_each",
    "evaluating",
    "fit_gaussian",
    "fit_mixture",
    "fold_affine",
    "hook",
    "keep_gains",
    "map_weights",
    "memoize",
    "name_of",
    "near",
    "normalise",
    "normalised",
    "output",
    "over_groups",
    "per_sample",
    "require_same_data",
    "seed_of",
    "seeded",
    "stream",
    "to_plain",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo.plugin' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
