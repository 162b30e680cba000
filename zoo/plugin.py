"""Everything that a plugin may import from zoo: contracts, plain facts, errors, helpers for networks and strategies,
and what a command works with (images, runs, releases, output).

Importing this module does not import torch, so that plugin and config modules may use it; a name that needs torch is
imported when it is first used. Names that are not listed here are private and may change.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from zoo.config import Setting, from_plain, settings_of, to_plain
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
from zoo.types import (
    Component,
    DataSpec,
    Event,
    Kind,
    Metric,
    Origin,
    PartLike,
    PartSpec,
    RunFacts,
    Selection,
    Watcher,
    as_part,
)

if TYPE_CHECKING:
    from zoo._utils.distributed import all_gather as all_gather, all_reduce_mean as all_reduce_mean
    from zoo._utils.files import (
        locked as locked,
        open_regular as open_regular,
        read_regular as read_regular,
        sha256_of as sha256_of,
        write_atomically as write_atomically,
        write_folder_atomically as write_folder_atomically,
    )
    from zoo._utils.seeds import per_sample as per_sample, seed_of as seed_of, seeded as seeded, stream as stream
    from zoo._utils.strict_json import dump_json as dump_json, parse_json as parse_json
    from zoo._utils.text import front_matter as front_matter
    from zoo.data.convert import convert_samples as convert_samples
    from zoo.data.grids import grid as grid, png_bytes as png_bytes
    from zoo.data.images import ImageSet as ImageSet
    from zoo.data.open import open_images as open_images
    from zoo.data.pixels import from_uint8 as from_uint8, to_uint8 as to_uint8
    from zoo.data.prepare import fit_arrays as fit_arrays
    from zoo.data.types import Dataset as Dataset
    from zoo.losses.balance import GradientBalance as GradientBalance
    from zoo.losses.logits import over_groups as over_groups
    from zoo.losses.types import (
        AdversarialObjective as AdversarialObjective,
        AutoencoderObjective as AutoencoderObjective,
        AuxiliaryLoss as AuxiliaryLoss,
        FeedbackSchedule as FeedbackSchedule,
        Losses as Losses,
        Regulariser as Regulariser,
        Side as Side,
        StepContext as StepContext,
    )
    from zoo.metrics.types import FeatureSpace as FeatureSpace
    from zoo.networks.autoencoder import Autoencoder as Autoencoder
    from zoo.networks.compose import (
        autoencoder as autoencoder,
        build_autoencoder as build_autoencoder,
        build_discriminator as build_discriminator,
        build_part as build_part,
        gan as gan,
    )
    from zoo.networks.discriminator import EncoderDiscriminator as EncoderDiscriminator
    from zoo.networks.flows import FlowPrior as FlowPrior
    from zoo.networks.gan import GAN as GAN
    from zoo.networks.output import output as output
    from zoo.networks.priors import NormalPrior as NormalPrior
    from zoo.networks.spectral import keep_gains as keep_gains, normalised as normalised
    from zoo.networks.types import (
        Bottleneck as Bottleneck,
        Discriminator as Discriminator,
        DiscriminatorOutput as DiscriminatorOutput,
        Encoder as Encoder,
        Features as Features,
        Generator as Generator,
        Posterior as Posterior,
        Prior as Prior,
    )
    from zoo.networks.utils import evaluating as evaluating
    from zoo.plugins import (
        RegisteredComponent as RegisteredComponent,
        components as components,
        config_class as config_class,
        normalise as normalise,
    )
    from zoo.registry.index import (
        Entry as Entry,
        models as models,
        open_release as open_release,
    )
    from zoo.registry.load import load as load
    from zoo.release.card import hub_license as hub_license
    from zoo.release.folder import (
        read_manifest as read_manifest,
        read_manifest_bytes as read_manifest_bytes,
        read_pinned as read_pinned,
        verify_files as verify_files,
    )
    from zoo.release.manifest import MANIFEST as MANIFEST, ROLES as ROLES, Manifest as Manifest, PartEntry as PartEntry
    from zoo.report.curves import curve as curve
    from zoo.training.api import (
        Run as Run,
        open_model as open_model,
        open_run as open_run,
        resume as resume,
        train as train,
    )
    from zoo.training.pipeline import explain_recipe as explain_recipe, run_recipe as run_recipe
    from zoo.training.recipe import (
        AdversarialTraining as AdversarialTraining,
        AutoencoderTraining as AutoencoderTraining,
        Recipe as Recipe,
        read_recipe as read_recipe,
    )
    from zoo.training.recipe_diff import differences as differences
    from zoo.training.run_dir import autoencoder_run_dir as autoencoder_run_dir
    from zoo.training.summary import (
        Summary as Summary,
        find_runs as find_runs,
        kid_curve as kid_curve,
        loss_curve as loss_curve,
        newest_grid as newest_grid,
        summarise as summarise,
    )
    from zoo.training.task import ImageTask as ImageTask
    from zoo.training.watchers import Cost as Cost, CostWatch as CostWatch
    from zoo.transfers.apply import TransferResult as TransferResult, transfer as transfer
    from zoo.transfers.density import (
        GaussianFit as GaussianFit,
        fit_gaussian as fit_gaussian,
        fit_mixture as fit_mixture,
        memoize as memoize,
    )
    from zoo.transfers.layer_mapping import activation_mismatch as activation_mismatch
    from zoo.transfers.plan import (
        ApplyContext as ApplyContext,
        Edit as Edit,
        GANTask as GANTask,
        Schedule as Schedule,
        Slot as Slot,
        Source as Source,
        TrainingPhase as TrainingPhase,
        TransferPlan as TransferPlan,
        TransferStrategy as TransferStrategy,
        edit_each as edit_each,
    )
    from zoo.transfers.weight_mapping import (
        fold_affine as fold_affine,
        map_weights as map_weights,
        name_of as name_of,
        require_same_data as require_same_data,
    )

_LAZY = {
    "zoo._utils.distributed": "all_gather all_reduce_mean",
    "zoo._utils.files": "locked open_regular read_regular sha256_of write_atomically write_folder_atomically",
    "zoo._utils.html": "data_address:data_url facts:html_facts table:html_table",
    "zoo._utils.seeds": "per_sample seed_of seeded stream",
    "zoo._utils.strict_json": "dump_json parse_json",
    "zoo._utils.text": "front_matter",
    "zoo.cli.completing": "models:complete_model releases:complete_release",
    "zoo.cli.options": "json_flag:json_option out:out_option quiet:quiet_option",
    "zoo.cli.show": "as_json:print_json lines:print_lines table:print_table",
    "zoo.data.convert": "convert_samples",
    "zoo.data.grids": "captioned:captioned_grid grid png_bytes",
    "zoo.data.images": "ImageSet",
    "zoo.data.open": "open_images",
    "zoo.data.pixels": "from_uint8 to_uint8",
    "zoo.data.prepare": "fit_arrays",
    "zoo.data.split": "select:select_images",
    "zoo.data.types": "Dataset",
    "zoo.losses.balance": "GradientBalance",
    "zoo.losses.logits": "over_groups",
    "zoo.losses.types": (
        "AdversarialObjective AutoencoderObjective AuxiliaryLoss FeedbackSchedule Losses Regulariser Side StepContext"
    ),
    "zoo.metrics.types": "FeatureSpace",
    "zoo.networks.autoencoder": "Autoencoder",
    "zoo.networks.compose": "autoencoder build_autoencoder build_discriminator build_part gan",
    "zoo.networks.discriminator": "EncoderDiscriminator",
    "zoo.networks.flows": "FlowPrior",
    "zoo.networks.gan": "GAN",
    "zoo.networks.interpolation": "walk:interpolate",
    "zoo.networks.output": "output",
    "zoo.networks.priors": "NormalPrior",
    "zoo.networks.spectral": "keep_gains normalised",
    "zoo.networks.types": "Bottleneck Discriminator DiscriminatorOutput Encoder Features Generator Posterior Prior",
    "zoo.networks.utils": "evaluating",
    "zoo.plugins": "RegisteredComponent components config_class find:find_component resolve:import_component normalise",
    "zoo.registry.index": "Entry at_hand:available_releases models open_release",
    "zoo.registry.load": "load",
    "zoo.release.card": "hub_license",
    "zoo.release.folder": "read_manifest read_manifest_bytes read_pinned verify_files",
    "zoo.release.manifest": "MANIFEST Manifest PartEntry ROLES",
    "zoo.release.snapshots": "file_in:snapshot_file",
    "zoo.remote.cache": "kept:cached_releases",
    "zoo.report.curves": "curve",
    "zoo.report.moves": "moves:transfer_diagram",
    "zoo.training.api": "Run open_model open_run resume train",
    "zoo.training.checkpoint": "latest:latest_checkpoint",
    "zoo.training.pipeline": "explain_recipe run_recipe",
    "zoo.training.recipe": "AdversarialTraining AutoencoderTraining Recipe read_recipe",
    "zoo.training.recipe_diff": "differences short:short_value",
    "zoo.training.run_dir": "autoencoder_run_dir",
    "zoo.training.summary": "Summary find_runs kid_curve loss_curve newest_grid summarise",
    "zoo.training.task": "ImageTask",
    "zoo.training.watchers": "Cost CostWatch read_costs read_spent",
    "zoo.transfers.apply": "TransferResult transfer",
    "zoo.transfers.density": "GaussianFit fit_gaussian fit_mixture memoize",
    "zoo.transfers.layer_mapping": "activation_mismatch",
    "zoo.transfers.plan": (
        "ApplyContext Edit GANTask Schedule Slot Source TrainingPhase TransferPlan TransferStrategy edit_each"
    ),
    "zoo.transfers.weight_mapping": "fold_affine map_weights name_of require_same_data",
}
_HOME = {
    name: (module, attribute)
    for module, names in _LAZY.items()
    for attribute, _, alias in (entry.partition(":") for entry in names.split())
    for name in [alias or attribute]
}

__all__ = [
    "Component",
    "CompositionError",
    "ConfigError",
    "DataError",
    "DataSpec",
    "Diverged",
    "Event",
    "IntegrityError",
    "Kind",
    "Metric",
    "Origin",
    "PartLike",
    "PartSpec",
    "PluginError",
    "ReleaseError",
    "RemoteError",
    "RunFacts",
    "Selection",
    "Setting",
    "StorageError",
    "TrainingError",
    "TransferError",
    "UnknownName",
    "Watcher",
    "ZooError",
    "as_part",
    "from_plain",
    "hook",
    "near",
    "settings_of",
    "to_plain",
    *_HOME,
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo.plugin' has no attribute {name!r}")
    module, attribute = _HOME[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
