"""Everything that a plugin may import from zoo: contracts, plain dataclasses, errors, and helpers for networks,
strategies and commands.

Importing this module does not import torch, so plugin and config modules can use it; a name that needs torch is
imported when it is first used. Other names in zoo are private and may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo._utils.lazy import attach
from zoo.config import Setting as Setting, from_plain as from_plain, settings_of as settings_of, to_plain as to_plain
from zoo.errors import (
    CompositionError as CompositionError,
    ConfigError as ConfigError,
    DataError as DataError,
    Diverged as Diverged,
    IntegrityError as IntegrityError,
    PluginError as PluginError,
    ReleaseError as ReleaseError,
    RemoteError as RemoteError,
    StorageError as StorageError,
    TrainingError as TrainingError,
    TransferError as TransferError,
    UnknownName as UnknownName,
    ZooError as ZooError,
    near as near,
)
from zoo.plugins.hookspecs import hook as hook
from zoo.types import (
    Case as Case,
    CodeShape as CodeShape,
    Component as Component,
    Condition as Condition,
    DataKind as DataKind,
    DataSpec as DataSpec,
    Event as Event,
    Kind as Kind,
    Metric as Metric,
    Origin as Origin,
    PartLike as PartLike,
    PartSpec as PartSpec,
    RunFacts as RunFacts,
    Scaling as Scaling,
    Selection as Selection,
    Watcher as Watcher,
    WeightsOrigin as WeightsOrigin,
    as_code_shape as as_code_shape,
    as_part as as_part,
)

if TYPE_CHECKING:
    from zoo._utils.child import python_child as python_child
    from zoo._utils.distributed import all_gather as all_gather, all_reduce_mean as all_reduce_mean
    from zoo._utils.files import (
        locked as locked,
        open_regular as open_regular,
        read_regular as read_regular,
        sha256_of as sha256_of,
        write_atomically as write_atomically,
        write_folder_atomically as write_folder_atomically,
    )
    from zoo._utils.front_matter import front_matter as front_matter
    from zoo._utils.html import (
        data_url as data_url,
        escape as escape,
        facts_table as facts_table,
        html_table as html_table,
    )
    from zoo._utils.seeds import (
        SampleStreams as SampleStreams,
        per_sample as per_sample,
        seed_of as seed_of,
        seeded as seeded,
        stream as stream,
    )
    from zoo._utils.strict_json import dump_json as dump_json, parse_json as parse_json
    from zoo._utils.strict_toml import parse_toml as parse_toml
    from zoo._utils.text import sanitize as sanitize
    from zoo.cli.completing import complete_model as complete_model, complete_release as complete_release
    from zoo.cli.options import json_option as json_option, out_option as out_option, quiet_option as quiet_option
    from zoo.cli.show import print_json as print_json, print_lines as print_lines, print_table as print_table
    from zoo.data.convert import convert_samples as convert_samples
    from zoo.data.decoding import decode_image as decode_image
    from zoo.data.grids import captioned_grid as captioned_grid, grid as grid, png_bytes as png_bytes
    from zoo.data.images import ImageSet as ImageSet
    from zoo.data.modalities import modality_of as modality_of
    from zoo.data.open import open_images as open_images
    from zoo.data.pixels import from_uint8 as from_uint8, to_uint8 as to_uint8
    from zoo.data.prepare import fit_arrays as fit_arrays
    from zoo.data.split import select_images as select_images
    from zoo.data.types import Dataset as Dataset, Modality as Modality, Records as Records
    from zoo.data.values import from_stored as from_stored, unscaled as unscaled
    from zoo.editing.directions import Directions as Directions, find_directions as find_directions
    from zoo.editing.inversion import invert as invert
    from zoo.editing.release_directions import (
        direction_named as direction_named,
        release_directions as release_directions,
    )
    from zoo.losses.balance import GradientBalance as GradientBalance
    from zoo.losses.logits import over_groups as over_groups
    from zoo.losses.reconstruction import normal_like as normal_like
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
    from zoo.networks.autoencoder import Autoencoder as Autoencoder, FirstStage as FirstStage
    from zoo.networks.compose import (
        autoencoder as autoencoder,
        build_autoencoder as build_autoencoder,
        build_discriminator as build_discriminator,
        build_part as build_part,
        encoder as encoder,
        gan as gan,
    )
    from zoo.networks.conditioning import (
        condition_arguments as condition_arguments,
        draw_conditions as draw_conditions,
        takes_condition as takes_condition,
    )
    from zoo.networks.discriminator import EncoderDiscriminator as EncoderDiscriminator
    from zoo.networks.encoder_source import EncoderSource as EncoderSource
    from zoo.networks.flows import FlowPrior as FlowPrior
    from zoo.networks.gan import GAN as GAN
    from zoo.networks.interpolation import interpolate as interpolate
    from zoo.networks.noise import choose as choose, noise_of as noise_of, uniform_choosing as uniform_choosing
    from zoo.networks.output import output as output
    from zoo.networks.pretrained import origins_of as origins_of, values_follow as values_follow
    from zoo.networks.priors import NormalPrior as NormalPrior
    from zoo.networks.spectral import keep_gains as keep_gains, normalised as normalised
    from zoo.networks.types import (
        AutoencoderParts as AutoencoderParts,
        Bottleneck as Bottleneck,
        Discriminator as Discriminator,
        DiscriminatorOutput as DiscriminatorOutput,
        Encoder as Encoder,
        Features as Features,
        Generator as Generator,
        Noise as Noise,
        Posterior as Posterior,
        Prior as Prior,
    )
    from zoo.networks.utils import evaluating as evaluating, without_grad as without_grad
    from zoo.networks.vectors import drawn_stream as drawn_stream
    from zoo.plugins import (
        DeclaresCode as DeclaresCode,
        NamesBottleneck as NamesBottleneck,
        RegisteredComponent as RegisteredComponent,
        components as components,
        config_class as config_class,
        find_component as find_component,
        import_component as import_component,
        normalise as normalise,
        normalise_discriminator as normalise_discriminator,
    )
    from zoo.registry.index import (
        Entry as Entry,
        available_release as available_release,
        models as models,
        open_release as open_release,
    )
    from zoo.registry.load import LoadedRelease as LoadedRelease, load as load
    from zoo.registry.replay import Replay as Replay, replay_vectors as replay_vectors
    from zoo.registry.trust import require_trust as require_trust
    from zoo.release.card import hub_license as hub_license
    from zoo.release.folder import (
        read_manifest as read_manifest,
        read_manifest_bytes as read_manifest_bytes,
        read_pinned as read_pinned,
        verify_files as verify_files,
    )
    from zoo.release.manifest import MANIFEST as MANIFEST, ROLES as ROLES, Manifest as Manifest, PartEntry as PartEntry
    from zoo.release.snapshots import snapshot_file as snapshot_file
    from zoo.remote.cache import cached_releases as cached_releases
    from zoo.report.curves import curve as curve
    from zoo.report.diagram import transfer_diagram as transfer_diagram
    from zoo.training.api import (
        Run as Run,
        open_model as open_model,
        open_run as open_run,
        resume as resume,
        train as train,
    )
    from zoo.training.checkpoint import latest_checkpoint as latest_checkpoint
    from zoo.training.pipeline import run_recipe as run_recipe
    from zoo.training.recipe import (
        AdversarialTraining as AdversarialTraining,
        AutoencoderTraining as AutoencoderTraining,
        Recipe as Recipe,
        read_recipe as read_recipe,
    )
    from zoo.training.recipe_diff import differences as differences, short_value as short_value
    from zoo.training.recipe_plan import explain_recipe as explain_recipe
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
    from zoo.training.watchers import (
        Cost as Cost,
        CostWatch as CostWatch,
        read_costs as read_costs,
        read_spent as read_spent,
    )
    from zoo.transfers.apply import TransferResult as TransferResult, transfer as transfer
    from zoo.transfers.density import (
        GaussianFit as GaussianFit,
        evenly_spread as evenly_spread,
        fit_gaussian as fit_gaussian,
        fit_low_rank as fit_low_rank,
        fit_mixture as fit_mixture,
        memoize as memoize,
    )
    from zoo.transfers.fetched import fetched_edits as fetched_edits
    from zoo.transfers.fit_cost import (
        FitCost as FitCost,
        flow_cost as flow_cost,
        full_cost as full_cost,
        low_rank_cost as low_rank_cost,
        refuse_costly as refuse_costly,
    )
    from zoo.transfers.layer_mapping import activation_mismatch as activation_mismatch
    from zoo.transfers.plan import (
        ApplyContext as ApplyContext,
        Edit as Edit,
        FurtherSource as FurtherSource,
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

__getattr__, __dir__, __all__ = attach(__name__, __file__)
