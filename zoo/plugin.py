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
from zoo.types import Component, DataSpec, Event, Kind, Metric, Origin, PartSpec, RunFacts, Selection, Watcher

if TYPE_CHECKING:
    from zoo._utils.distributed import all_gather as all_gather
    from zoo._utils.distributed import all_reduce_mean as all_reduce_mean
    from zoo._utils.files import locked as locked
    from zoo._utils.files import open_regular as open_regular
    from zoo._utils.files import read_regular as read_regular
    from zoo._utils.files import sha256_of as sha256_of
    from zoo._utils.files import write_atomically as write_atomically
    from zoo._utils.files import write_folder_atomically as write_folder_atomically
    from zoo._utils.html import data_address as data_url
    from zoo._utils.html import facts as html_facts
    from zoo._utils.html import table as html_table
    from zoo._utils.seeds import per_sample as per_sample
    from zoo._utils.seeds import seed_of as seed_of
    from zoo._utils.seeds import seeded as seeded
    from zoo._utils.seeds import stream as stream
    from zoo._utils.strict_json import dump_json as dump_json
    from zoo._utils.strict_json import parse_json as parse_json
    from zoo._utils.text import front_matter as front_matter
    from zoo.cli.completing import models as complete_model
    from zoo.cli.completing import releases as complete_release
    from zoo.cli.options import json_flag as json_option
    from zoo.cli.options import out as out_option
    from zoo.cli.options import quiet as quiet_option
    from zoo.cli.show import as_json as print_json
    from zoo.cli.show import lines as print_lines
    from zoo.cli.show import table as print_table
    from zoo.data.convert import convert_samples as convert_samples
    from zoo.data.grids import captioned as captioned_grid
    from zoo.data.grids import grid as grid
    from zoo.data.grids import png_bytes as png_bytes
    from zoo.data.images import ImageSet as ImageSet
    from zoo.data.open import open_images as open_images
    from zoo.data.pixels import from_uint8 as from_uint8
    from zoo.data.pixels import to_uint8 as to_uint8
    from zoo.data.prepare import fit_arrays as fit_arrays
    from zoo.data.split import select as select_images
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
    from zoo.networks.compose import as_part as as_part
    from zoo.networks.compose import autoencoder as autoencoder
    from zoo.networks.compose import build_autoencoder as build_autoencoder
    from zoo.networks.compose import build_discriminator as build_discriminator
    from zoo.networks.compose import build_part as build_part
    from zoo.networks.compose import gan as gan
    from zoo.networks.discriminator import EncoderDiscriminator as EncoderDiscriminator
    from zoo.networks.flows import FlowPrior as FlowPrior
    from zoo.networks.gan import GAN as GAN
    from zoo.networks.interpolation import walk as interpolate
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
    from zoo.plugins import RegisteredComponent as RegisteredComponent
    from zoo.plugins import components as components
    from zoo.plugins import config_class as config_class
    from zoo.plugins import find as find_component
    from zoo.plugins import normalise as normalise
    from zoo.plugins import resolve as import_component
    from zoo.registry.index import Entry as Entry
    from zoo.registry.index import at_hand as available_releases
    from zoo.registry.index import models as models
    from zoo.registry.index import open_release as open_release
    from zoo.registry.load import load as load
    from zoo.release.card import hub_license as hub_license
    from zoo.release.folder import read_manifest as read_manifest
    from zoo.release.folder import read_manifest_bytes as read_manifest_bytes
    from zoo.release.folder import read_pinned as read_pinned
    from zoo.release.folder import verify_files as verify_files
    from zoo.release.manifest import MANIFEST as MANIFEST
    from zoo.release.manifest import ROLES as ROLES
    from zoo.release.manifest import Manifest as Manifest
    from zoo.release.manifest import PartEntry as PartEntry
    from zoo.release.snapshots import file_in as snapshot_file
    from zoo.remote.cache import kept as cached_releases
    from zoo.report.curves import curve as curve
    from zoo.report.moves import moves as transfer_diagram
    from zoo.training.api import Run as Run
    from zoo.training.api import open_model as open_model
    from zoo.training.api import open_run as open_run
    from zoo.training.api import resume as resume
    from zoo.training.api import train as train
    from zoo.training.checkpoint import latest as latest_checkpoint
    from zoo.training.pipeline import explain_recipe as explain_recipe
    from zoo.training.pipeline import run_recipe as run_recipe
    from zoo.training.recipe import AdversarialTraining as AdversarialTraining
    from zoo.training.recipe import AutoencoderTraining as AutoencoderTraining
    from zoo.training.recipe import Recipe as Recipe
    from zoo.training.recipe import read_recipe as read_recipe
    from zoo.training.recipe_diff import differences as differences
    from zoo.training.recipe_diff import short as short_value
    from zoo.training.run_dir import autoencoder_run_dir as autoencoder_run_dir
    from zoo.training.summary import Summary as Summary
    from zoo.training.summary import find_runs as find_runs
    from zoo.training.summary import kid_curve as kid_curve
    from zoo.training.summary import loss_curve as loss_curve
    from zoo.training.summary import newest_grid as newest_grid
    from zoo.training.summary import summarise as summarise
    from zoo.training.task import ImageTask as ImageTask
    from zoo.training.watchers import Cost as Cost
    from zoo.training.watchers import CostWatch as CostWatch
    from zoo.training.watchers import costs as read_costs
    from zoo.training.watchers import kept_cost as read_spent
    from zoo.transfers.apply import TransferResult as TransferResult
    from zoo.transfers.apply import transfer as transfer
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

_HOME = {
    "AdversarialObjective": "zoo.losses.types:AdversarialObjective",
    "AdversarialTraining": "zoo.training.recipe:AdversarialTraining",
    "ApplyContext": "zoo.transfers.plan:ApplyContext",
    "Autoencoder": "zoo.networks.autoencoder:Autoencoder",
    "AutoencoderObjective": "zoo.losses.types:AutoencoderObjective",
    "AutoencoderTraining": "zoo.training.recipe:AutoencoderTraining",
    "AuxiliaryLoss": "zoo.losses.types:AuxiliaryLoss",
    "Bottleneck": "zoo.networks.types:Bottleneck",
    "Cost": "zoo.training.watchers:Cost",
    "CostWatch": "zoo.training.watchers:CostWatch",
    "Dataset": "zoo.data.types:Dataset",
    "Discriminator": "zoo.networks.types:Discriminator",
    "DiscriminatorOutput": "zoo.networks.types:DiscriminatorOutput",
    "Edit": "zoo.transfers.plan:Edit",
    "Encoder": "zoo.networks.types:Encoder",
    "EncoderDiscriminator": "zoo.networks.discriminator:EncoderDiscriminator",
    "Entry": "zoo.registry.index:Entry",
    "FeatureSpace": "zoo.metrics.types:FeatureSpace",
    "Features": "zoo.networks.types:Features",
    "FeedbackSchedule": "zoo.losses.types:FeedbackSchedule",
    "FlowPrior": "zoo.networks.flows:FlowPrior",
    "GAN": "zoo.networks.gan:GAN",
    "GANTask": "zoo.transfers.plan:GANTask",
    "GaussianFit": "zoo.transfers.density:GaussianFit",
    "Generator": "zoo.networks.types:Generator",
    "GradientBalance": "zoo.losses.balance:GradientBalance",
    "ImageSet": "zoo.data.images:ImageSet",
    "ImageTask": "zoo.training.task:ImageTask",
    "Losses": "zoo.losses.types:Losses",
    "MANIFEST": "zoo.release.manifest:MANIFEST",
    "Manifest": "zoo.release.manifest:Manifest",
    "NormalPrior": "zoo.networks.priors:NormalPrior",
    "PartEntry": "zoo.release.manifest:PartEntry",
    "Posterior": "zoo.networks.types:Posterior",
    "Prior": "zoo.networks.types:Prior",
    "ROLES": "zoo.release.manifest:ROLES",
    "Recipe": "zoo.training.recipe:Recipe",
    "RegisteredComponent": "zoo.plugins:RegisteredComponent",
    "Regulariser": "zoo.losses.types:Regulariser",
    "Run": "zoo.training.api:Run",
    "Schedule": "zoo.transfers.plan:Schedule",
    "Side": "zoo.losses.types:Side",
    "Slot": "zoo.transfers.plan:Slot",
    "Source": "zoo.transfers.plan:Source",
    "StepContext": "zoo.losses.types:StepContext",
    "Summary": "zoo.training.summary:Summary",
    "TrainingPhase": "zoo.transfers.plan:TrainingPhase",
    "TransferPlan": "zoo.transfers.plan:TransferPlan",
    "TransferResult": "zoo.transfers.apply:TransferResult",
    "TransferStrategy": "zoo.transfers.plan:TransferStrategy",
    "activation_mismatch": "zoo.transfers.layer_mapping:activation_mismatch",
    "all_gather": "zoo._utils.distributed:all_gather",
    "all_reduce_mean": "zoo._utils.distributed:all_reduce_mean",
    "as_part": "zoo.networks.compose:as_part",
    "autoencoder": "zoo.networks.compose:autoencoder",
    "autoencoder_run_dir": "zoo.training.run_dir:autoencoder_run_dir",
    "available_releases": "zoo.registry.index:at_hand",
    "build_autoencoder": "zoo.networks.compose:build_autoencoder",
    "build_discriminator": "zoo.networks.compose:build_discriminator",
    "build_part": "zoo.networks.compose:build_part",
    "cached_releases": "zoo.remote.cache:kept",
    "captioned_grid": "zoo.data.grids:captioned",
    "complete_model": "zoo.cli.completing:models",
    "complete_release": "zoo.cli.completing:releases",
    "components": "zoo.plugins:components",
    "config_class": "zoo.plugins:config_class",
    "convert_samples": "zoo.data.convert:convert_samples",
    "curve": "zoo.report.curves:curve",
    "data_url": "zoo._utils.html:data_address",
    "differences": "zoo.training.recipe_diff:differences",
    "dump_json": "zoo._utils.strict_json:dump_json",
    "edit_each": "zoo.transfers.plan:edit_each",
    "evaluating": "zoo.networks.utils:evaluating",
    "explain_recipe": "zoo.training.pipeline:explain_recipe",
    "find_component": "zoo.plugins:find",
    "find_runs": "zoo.training.summary:find_runs",
    "fit_arrays": "zoo.data.prepare:fit_arrays",
    "fit_gaussian": "zoo.transfers.density:fit_gaussian",
    "fit_mixture": "zoo.transfers.density:fit_mixture",
    "fold_affine": "zoo.transfers.weight_mapping:fold_affine",
    "from_uint8": "zoo.data.pixels:from_uint8",
    "front_matter": "zoo._utils.text:front_matter",
    "gan": "zoo.networks.compose:gan",
    "grid": "zoo.data.grids:grid",
    "html_facts": "zoo._utils.html:facts",
    "html_table": "zoo._utils.html:table",
    "hub_license": "zoo.release.card:hub_license",
    "import_component": "zoo.plugins:resolve",
    "interpolate": "zoo.networks.interpolation:walk",
    "json_option": "zoo.cli.options:json_flag",
    "keep_gains": "zoo.networks.spectral:keep_gains",
    "kid_curve": "zoo.training.summary:kid_curve",
    "latest_checkpoint": "zoo.training.checkpoint:latest",
    "load": "zoo.registry.load:load",
    "locked": "zoo._utils.files:locked",
    "loss_curve": "zoo.training.summary:loss_curve",
    "map_weights": "zoo.transfers.weight_mapping:map_weights",
    "memoize": "zoo.transfers.density:memoize",
    "models": "zoo.registry.index:models",
    "name_of": "zoo.transfers.weight_mapping:name_of",
    "newest_grid": "zoo.training.summary:newest_grid",
    "normalise": "zoo.plugins:normalise",
    "normalised": "zoo.networks.spectral:normalised",
    "open_images": "zoo.data.open:open_images",
    "open_model": "zoo.training.api:open_model",
    "open_regular": "zoo._utils.files:open_regular",
    "open_release": "zoo.registry.index:open_release",
    "open_run": "zoo.training.api:open_run",
    "out_option": "zoo.cli.options:out",
    "output": "zoo.networks.output:output",
    "over_groups": "zoo.losses.logits:over_groups",
    "parse_json": "zoo._utils.strict_json:parse_json",
    "per_sample": "zoo._utils.seeds:per_sample",
    "png_bytes": "zoo.data.grids:png_bytes",
    "print_json": "zoo.cli.show:as_json",
    "print_lines": "zoo.cli.show:lines",
    "print_table": "zoo.cli.show:table",
    "quiet_option": "zoo.cli.options:quiet",
    "read_costs": "zoo.training.watchers:costs",
    "read_manifest": "zoo.release.folder:read_manifest",
    "read_manifest_bytes": "zoo.release.folder:read_manifest_bytes",
    "read_pinned": "zoo.release.folder:read_pinned",
    "read_recipe": "zoo.training.recipe:read_recipe",
    "read_regular": "zoo._utils.files:read_regular",
    "read_spent": "zoo.training.watchers:kept_cost",
    "require_same_data": "zoo.transfers.weight_mapping:require_same_data",
    "resume": "zoo.training.api:resume",
    "run_recipe": "zoo.training.pipeline:run_recipe",
    "seed_of": "zoo._utils.seeds:seed_of",
    "seeded": "zoo._utils.seeds:seeded",
    "select_images": "zoo.data.split:select",
    "sha256_of": "zoo._utils.files:sha256_of",
    "short_value": "zoo.training.recipe_diff:short",
    "snapshot_file": "zoo.release.snapshots:file_in",
    "stream": "zoo._utils.seeds:stream",
    "summarise": "zoo.training.summary:summarise",
    "to_uint8": "zoo.data.pixels:to_uint8",
    "train": "zoo.training.api:train",
    "transfer": "zoo.transfers.apply:transfer",
    "transfer_diagram": "zoo.report.moves:moves",
    "verify_files": "zoo.release.folder:verify_files",
    "write_atomically": "zoo._utils.files:write_atomically",
    "write_folder_atomically": "zoo._utils.files:write_folder_atomically",
}
"""Where each name that is imported on first use is defined."""

__all__ = [
    "GAN",
    "MANIFEST",
    "ROLES",
    "AdversarialObjective",
    "AdversarialTraining",
    "ApplyContext",
    "Autoencoder",
    "AutoencoderObjective",
    "AutoencoderTraining",
    "AuxiliaryLoss",
    "Bottleneck",
    "Component",
    "CompositionError",
    "ConfigError",
    "Cost",
    "CostWatch",
    "DataError",
    "DataSpec",
    "Dataset",
    "Discriminator",
    "DiscriminatorOutput",
    "Diverged",
    "Edit",
    "Encoder",
    "EncoderDiscriminator",
    "Entry",
    "Event",
    "FeatureSpace",
    "Features",
    "FeedbackSchedule",
    "FlowPrior",
    "GANTask",
    "GaussianFit",
    "Generator",
    "GradientBalance",
    "ImageSet",
    "ImageTask",
    "IntegrityError",
    "Kind",
    "Losses",
    "Manifest",
    "Metric",
    "NormalPrior",
    "Origin",
    "PartEntry",
    "PartSpec",
    "PluginError",
    "Posterior",
    "Prior",
    "Recipe",
    "RegisteredComponent",
    "Regulariser",
    "ReleaseError",
    "RemoteError",
    "Run",
    "RunFacts",
    "Schedule",
    "Selection",
    "Setting",
    "Side",
    "Slot",
    "Source",
    "StepContext",
    "StorageError",
    "Summary",
    "TrainingError",
    "TrainingPhase",
    "TransferError",
    "TransferPlan",
    "TransferResult",
    "TransferStrategy",
    "UnknownName",
    "Watcher",
    "ZooError",
    "activation_mismatch",
    "all_gather",
    "all_reduce_mean",
    "as_part",
    "autoencoder",
    "autoencoder_run_dir",
    "available_releases",
    "build_autoencoder",
    "build_discriminator",
    "build_part",
    "cached_releases",
    "captioned_grid",
    "complete_model",
    "complete_release",
    "components",
    "config_class",
    "convert_samples",
    "curve",
    "data_url",
    "differences",
    "dump_json",
    "edit_each",
    "evaluating",
    "explain_recipe",
    "find_component",
    "find_runs",
    "fit_arrays",
    "fit_gaussian",
    "fit_mixture",
    "fold_affine",
    "from_plain",
    "from_uint8",
    "front_matter",
    "gan",
    "grid",
    "hook",
    "html_facts",
    "html_table",
    "hub_license",
    "import_component",
    "interpolate",
    "json_option",
    "keep_gains",
    "kid_curve",
    "latest_checkpoint",
    "load",
    "locked",
    "loss_curve",
    "map_weights",
    "memoize",
    "models",
    "name_of",
    "near",
    "newest_grid",
    "normalise",
    "normalised",
    "open_images",
    "open_model",
    "open_regular",
    "open_release",
    "open_run",
    "out_option",
    "output",
    "over_groups",
    "parse_json",
    "per_sample",
    "png_bytes",
    "print_json",
    "print_lines",
    "print_table",
    "quiet_option",
    "read_costs",
    "read_manifest",
    "read_manifest_bytes",
    "read_pinned",
    "read_recipe",
    "read_regular",
    "read_spent",
    "require_same_data",
    "resume",
    "run_recipe",
    "seed_of",
    "seeded",
    "select_images",
    "settings_of",
    "sha256_of",
    "short_value",
    "snapshot_file",
    "stream",
    "summarise",
    "to_plain",
    "to_uint8",
    "train",
    "transfer",
    "transfer_diagram",
    "verify_files",
    "write_atomically",
    "write_folder_atomically",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo.plugin' has no attribute {name!r}")
    module, _, attribute = _HOME[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
