"""A recipe: everything needed to train again, as one TOML file (torch-free).

The same format is what a user writes (parts by short name, most settings left out, an autoencoder and a GAN in one
file) and what a run folder keeps (of one model, every setting written out, digests filled in).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import tomli_w

from zoo._utils.files import read_regular
from zoo._utils.strict_toml import parse_toml
from zoo.config import from_plain, to_plain
from zoo.data.config import DataConfig, public_source
from zoo.errors import ConfigError, near
from zoo.transfers.parse import check_source_name, parse_strategy
from zoo.types import CodeShape, DataSpec, Origin, PartLike, PartSpec, Scaling, WeightsOrigin, as_code_shape

__all__ = [
    "AdversarialTraining",
    "AutoencoderSection",
    "AutoencoderTraining",
    "DiscriminateSection",
    "EngineSection",
    "EvaluationSection",
    "FirstStageSection",
    "FurtherSection",
    "GanSection",
    "GenerateSection",
    "ParentSection",
    "Recipe",
    "SourceStructure",
    "TransferSection",
    "parse_recipe",
    "read_recipe",
    "recipe_from_plain",
    "write_recipe",
]

_RENAMED = {"judge": "discriminate"}
"""Tables by the name that earlier versions gave them."""
_RENAMED_KEYS = (
    (("autoencoder",), "latent_dim", "code_shape"),
    (("gan",), "latent_dim", "code_shape"),
    (("transfer", "structure"), "latent_dim", "code_shape"),
    (("autoencoder",), "generator", "decoder"),
)
"""Keys of earlier versions: the table, the old name, and the name of today."""

_LARGEST = 1_000_000
"""The most bytes of a recipe."""
_MOST_THREADS = 1_024
_MOST_BATCH = 2**16
_MOST_IMAGES = 10**12
_FIGURES = ("kid", "fid", "precision", "recall")


@dataclass(frozen=True)
class EngineSection:
    """How steps are computed. Results change only by rounding, except with batch-dependent layers.

    `device` is auto, cpu, cuda or mps. Half precisions keep weights and penalties in fp32; fp16 scales its losses.
    `accumulate` cuts every batch into so many parts, one in memory at a time; `when_full` says whether a run that is
    out of memory stops, or goes back to its last checkpoint and accumulates. `compile` and `channels_last` cost
    time first and pay on GPUs.
    """

    device: str = "auto"
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    accumulate: int = 1
    when_full: Literal["stop", "accumulate"] = "stop"
    compile: bool = False
    channels_last: bool = False

    def __post_init__(self) -> None:
        _positive(self, "accumulate")


@dataclass(frozen=True)
class AutoencoderTraining:
    """`images` shown in all; the learning rate falls linearly to `final_learning_rate` times itself (Adam)."""

    objective: PartLike = "core/vae"
    images: int = 100_000
    batch: int = 16
    learning_rate: float = 2e-3
    final_learning_rate: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.999
    checkpoint_every: int = 50_000
    sample_every: int = 50_000

    def __post_init__(self) -> None:
        _check_training(self)
        _positive(self, "learning_rate")
        if not 0 <= self.final_learning_rate <= 1:
            raise ConfigError(f"final_learning_rate {self.final_learning_rate} is not within 0 to 1")


@dataclass(frozen=True)
class AdversarialTraining:
    """`images` shown in all (Adam for both sides). The generator's moving average halves over `ema_half_life` images,
    or over the fraction `ema_ramp` of the images shown so far, whichever is less. `augment` is applied to D's
    inputs: none, or colour, translation, cutout, ada-blit, ada-geometry and ada-colour joined by +; ada means the last
    three. Each image gets each of them with `augment_probability`; `adaptive` raises it from 0, over `augment_images`
    at most, while the mean sign of D's logits on real images is above `augment_target` (ADA). `gradient_limit` clips a
    side's gradient to so many times the norm that its Adam's second moment implies (0: never). With `balance`, every
    class is shown about equally often, whatever its share of the images."""

    objective: PartLike = "core/relativistic"
    regulariser: PartLike | Literal["none"] = field(default_factory=lambda: PartSpec("core/r1"))
    images: int = 100_000
    batch: int = 32
    generator_lr: float = 1e-3
    discriminator_lr: float = 1e-3
    beta1: float = 0.0
    beta2: float = 0.999
    augment: str = "none"
    augment_probability: float | Literal["adaptive"] = 1.0
    augment_target: float = 0.6
    augment_images: int = 100_000
    gradient_limit: float = 3.0
    ema_half_life: int = 5_000
    ema_ramp: float = 0.05
    balance: bool = False
    checkpoint_every: int = 25_000
    sample_every: int = 25_000

    def __post_init__(self) -> None:
        _check_training(self)
        for name in ("generator_lr", "discriminator_lr"):
            _positive(self, name)
        if self.augment_probability != "adaptive" and not 0 <= self.augment_probability <= 1:
            raise ConfigError(
                f"augment_probability {self.augment_probability} is not within 0 to 1", "Or give it as adaptive."
            )
        if self.augment_probability == "adaptive" and self.augment == "none":
            raise ConfigError("augment_probability=adaptive needs an augmentation", "For example augment=colour.")
        if self.augment_probability == 1.0 and any(name.startswith("ada") for name in self.augment.split("+")):
            raise ConfigError(
                f"augment={self.augment} with augment_probability=1 changes every image, so that G learns to make such "
                "images",
                "Use augment_probability=adaptive, or one of at most 0.8.",
            )
        if not -1 <= self.augment_target <= 1 or self.augment_images < 1:
            raise ConfigError("augment_target must lie within -1 to 1, augment_images must be positive")
        if self.gradient_limit and not 1 <= self.gradient_limit < math.inf:
            raise ConfigError(
                f"gradient_limit {self.gradient_limit} is neither 0 nor 1 or more", "3 clips a step in a hundred."
            )
        if self.ema_half_life < 0 or not 0 <= self.ema_ramp <= 1:
            raise ConfigError("ema_half_life must not be negative, ema_ramp must lie within 0 to 1")


@dataclass(frozen=True)
class AutoencoderSection:
    """The parts of an autoencoder; its `decoder` is a generator component, `bottleneck` by default the one that the
    encoder names, or core/gaussian, and `code_shape` the one that the decoder declares, or 64. With a `source`, a
    release's name or folder, training goes on from its weights and the parts are its own; a run keeps which release
    that was, and its licence. `trained_by` is the recipe of the run whose autoencoder this one continues, if zoo
    trained it."""

    encoder: PartLike = "dcgan"
    decoder: PartLike | None = None
    bottleneck: PartLike | None = None
    code_shape: CodeShape | None = None
    training: AutoencoderTraining = field(default_factory=AutoencoderTraining)
    source: str | None = None
    origin: Origin | None = None
    license: str = ""
    trained_by: Recipe | None = None

    def __post_init__(self) -> None:
        if self.code_shape is not None:
            object.__setattr__(self, "code_shape", as_code_shape(self.code_shape))


@dataclass(frozen=True)
class SourceStructure:
    """An autoencoder's structure: what resuming plans a transfer on, without touching the source again."""

    encoder: PartSpec
    bottleneck: PartSpec
    decoder: PartSpec
    code_shape: tuple[int, ...]
    data: DataSpec


@dataclass(frozen=True)
class FirstStageSection:
    """The autoencoder in whose codes the recipe's models learn: `source`, a release's name or a folder. With `flip`
    they also learn from a mirrored copy of each image. A run also keeps the sha256 of its weights, its structure for
    images of this size, its release and licence, and the codes' `scaling`."""

    source: str | None = None
    flip: bool = False
    sha256: str | None = None
    structure: SourceStructure | None = None
    origin: Origin | None = None
    scaling: Scaling | None = None
    license: str = ""

    def __post_init__(self) -> None:
        if self.source is None and self.structure is None:
            raise ConfigError("[first_stage] names no autoencoder", "Give it `source`, the name of a release.")


@dataclass(frozen=True)
class FurtherSection:
    """A further source of a transfer: `source`, a release's name or a folder, or else `encoder`, a component, for
    samples like `data` (by default the GAN's). A run also keeps the sha256 of its weights; an autoencoder's structure
    release and licence; and where an encoder's pretrained weights were `fetched` from."""

    source: str | None = None
    encoder: PartLike | None = None
    data: DataSpec | None = None
    sha256: str | None = None
    structure: SourceStructure | None = None
    origin: Origin | None = None
    license: str = ""
    fetched: tuple[WeightsOrigin, ...] = ()

    def __post_init__(self) -> None:
        given = [self.source is not None or self.structure is not None, self.encoder is not None]
        if sum(given) != 1:
            raise ConfigError(
                "a further source is either an autoencoder or an encoder",
                "Give it `source` or `encoder`, and one alone.",
            )


@dataclass(frozen=True)
class TransferSection:
    """`source` is a release's name, a folder, or `autoencoder` for the one of this recipe. `further` has, by name, the
    further sources that its strategies use. A run also keeps the sha256 of the source's weights, its structure, the
    release that it came from with its licence, and the recipe of the run that trained it."""

    source: str = "autoencoder"
    strategy: str | tuple[PartLike, ...] = "decoder-init+encoder-init"
    sha256: str | None = None
    structure: SourceStructure | None = None
    origin: Origin | None = None
    license: str = ""
    trained_by: Recipe | None = None
    further: dict[str, FurtherSection] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "strategy", parse_strategy(self.strategy))
        for name in self.further:
            check_source_name(name)

    @property
    def strategies(self) -> tuple[PartSpec, ...]:
        """The parts that `strategy` names; `auto` is one."""
        return parse_strategy(self.strategy)


@dataclass(frozen=True)
class GanSection:
    """The parts of a GAN; what is not given comes from the autoencoder it is transferred from. A run also keeps the
    samples that the parts were composed for, if the transfer gave the GAN others."""

    generator: PartLike | None = None
    discriminator: PartLike | None = None
    prior: PartLike = "core/normal"
    code_shape: CodeShape | None = None
    training: AdversarialTraining = field(default_factory=AdversarialTraining)
    data: DataSpec | None = None

    def __post_init__(self) -> None:
        if self.code_shape is not None:
            object.__setattr__(self, "code_shape", as_code_shape(self.code_shape))


@dataclass(frozen=True)
class EvaluationSection:
    """KID and FID of `samples` generated images in the features of `metric`, at every multiple of `every` images shown
    and at each of `at` (once, at the end, when neither is given); against the held-out images. The checkpoint whose
    figure `best` is the `better` one is kept."""

    metric: str = "judge"
    samples: int = 2_000
    every: int | None = None
    at: tuple[int, ...] = ()
    best: str = "kid"
    better: Literal["lower", "higher"] = "lower"

    def __post_init__(self) -> None:
        if self.samples < 2 or (self.every is not None and self.every < 1):
            raise ConfigError("evaluation needs at least 2 samples and a positive `every`")
        if self.best not in _FIGURES:
            raise ConfigError(
                f"evaluation.best {self.best!r} is no figure that is measured along the way", near(self.best, _FIGURES)
            )


@dataclass(frozen=True)
class GenerateSection:
    """A last step: a grid of `count` samples from `seed`."""

    count: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        _positive(self, "count")


@dataclass(frozen=True)
class DiscriminateSection:
    """A last step: the discriminator's verdict on `count` real (held-out) and `count` generated images."""

    count: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        _positive(self, "count")


@dataclass(frozen=True)
class ParentSection:
    """The run that this one continues with some keys `overridden`: its folder, the images that it had shown, and the
    sha256 of the checkpoint's tensors."""

    run: str
    shown: int
    sha256: str
    overridden: dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """Everything to train again. Its steps run in this order: autoencoder, transfer, gan, generate, discriminate.

    `plugins` has the plugin of each of a run's components, `name==version`: settings of older versions are migrated.
    `pretrained` says where weights come from that a run began with, or that its losses use."""

    data: DataConfig
    format: int = 1
    name: str = "untitled"
    seed: int = 0
    threads: int | None = None
    engine: EngineSection = field(default_factory=EngineSection)
    first_stage: FirstStageSection | None = None
    autoencoder: AutoencoderSection | None = None
    transfer: TransferSection | None = None
    gan: GanSection | None = None
    evaluation: EvaluationSection | None = None
    generate: GenerateSection | None = None
    discriminate: DiscriminateSection | None = None
    parent: ParentSection | None = None
    plugins: dict[str, str] | None = None
    pretrained: tuple[WeightsOrigin, ...] = ()

    def __post_init__(self) -> None:
        if self.format != 1:
            raise ConfigError(
                f"recipe format {self.format} is not known; this zoo reads format 1", "Upgrade aegan-zoo."
            )
        if self.transfer is not None and self.gan is None:
            object.__setattr__(self, "gan", GanSection())
        if self.autoencoder is None and self.gan is None:
            raise ConfigError("the recipe trains nothing", "Give it an [autoencoder], a [transfer] or a [gan] table.")
        if self.threads is not None and not 1 <= self.threads <= _MOST_THREADS:
            raise ConfigError(f"threads {self.threads} is not a number of threads", "Leave it out, or give 1 or more.")
        for name in ("evaluation", "generate", "discriminate"):
            if getattr(self, name) is not None and self.gan is None:
                raise ConfigError(f"[{name}] needs a GAN", "Give the recipe a [gan] table.")

    @property
    def samples(self) -> DataSpec:
        """What a run's model learns: its images, or their codes in the first stage. Raises ConfigError unless this is a
        run's recipe."""
        first, images = self.first_stage, self.data.spec
        if first is None:
            return images
        if first.structure is None:
            raise ConfigError(
                "this recipe is not a run's: a setting is missing", "Give the folder of a run, or zoo train RECIPE."
            )
        shape, condition = first.structure.code_shape, images.condition
        return DataSpec(shape, kind="code", bounded=False, scaling=first.scaling, condition=condition)

    @property
    def training(self) -> AutoencoderTraining | AdversarialTraining:
        """The training of a run's only model; of a recipe with two, the autoencoder's."""
        section = self.autoencoder or self.gan
        assert section is not None, "a recipe trains an autoencoder or a GAN"
        return section.training

    def public(self) -> Recipe:
        """The recipe as a release publishes it: of paths on its author's machine, the last part alone."""
        parent = self.parent
        if parent is not None:
            overridden = {
                key: public_source(value) if isinstance(value, str) else value
                for key, value in parent.overridden.items()
            }
            parent = replace(parent, run=public_source(parent.run), overridden=overridden)
        sections: dict[str, Any] = {
            name: replace(section, trained_by=section.trained_by and section.trained_by.public())
            for name in ("autoencoder", "transfer")
            if (section := getattr(self, name)) is not None
        }
        data = replace(self.data, source=public_source(self.data.source), labels=public_source(self.data.labels))
        return replace(self, data=data, parent=parent, **sections)


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe file. Raises ConfigError naming the file, the key and what is allowed."""
    try:
        data = read_regular(path.resolve(), _LARGEST)
    except FileNotFoundError:
        raise ConfigError(
            f"there is no recipe {path}", "Say `zoo train autoencoder` or `zoo train gan`, or give a .toml file."
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}", "Check its rights.") from None
    return parse_recipe(data, str(path))


def parse_recipe(data: bytes, what: str) -> Recipe:
    """The recipe in the bytes of a file called `what`. Raises ConfigError naming the key and what is allowed."""
    try:
        values = parse_toml(data, largest=_LARGEST)
    except ValueError as error:
        raise ConfigError(f"{what} cannot be read as TOML: {error}", "Mend that line.") from None
    return recipe_from_plain(values, Path(what).name)


def recipe_from_plain(values: Mapping[str, Any], owner: str) -> Recipe:
    """A recipe from plain data, also with keys of earlier versions. Raises ConfigError naming `owner` and the key."""
    renamed = dict(values)
    for old, new in _RENAMED.items():
        if old in renamed and new not in renamed:
            warnings.warn(f"{owner}: [{old}] is now called [{new}]", FutureWarning, stacklevel=2)
            renamed[new] = renamed.pop(old)
    for path, old, new in _RENAMED_KEYS:
        renamed = _with_renamed_key(renamed, path, old, new)
    return from_plain(Recipe, renamed, owner)


def _with_renamed_key(values: Mapping[str, Any], path: tuple[str, ...], old: str, new: str) -> dict[str, Any]:
    """The values with the key `old` of the table at `path` as `new`. A code of n values has the shape [n]."""
    table = values.get(path[0]) if path else None
    if isinstance(table, Mapping):
        return {**values, path[0]: _with_renamed_key(table, path[1:], old, new)}
    if path or old not in values:
        return dict(values)
    others = {key: value for key, value in values.items() if key != old}
    return others | {new: [values[old]] if new == "code_shape" else values[old]}


def write_recipe(recipe: Recipe) -> bytes:
    """The recipe as TOML, every setting written out."""
    return tomli_w.dumps(to_plain(recipe)).encode()


def _check_training(training: AutoencoderTraining | AdversarialTraining) -> None:
    for name, most in (
        ("images", _MOST_IMAGES),
        ("batch", _MOST_BATCH),
        ("checkpoint_every", _MOST_IMAGES),
        ("sample_every", _MOST_IMAGES),
    ):
        _positive(training, name)
        if getattr(training, name) > most:
            raise ConfigError(f"{name} {getattr(training, name)} is too large", f"At most {most:,}.")
    for name in ("beta1", "beta2"):
        if not 0 <= getattr(training, name) < 1:
            raise ConfigError(f"{name} {getattr(training, name)} is not within 0 to 1")


def _positive(training: object, name: str) -> None:
    if not getattr(training, name) > 0:
        raise ConfigError(f"{name} {getattr(training, name)} must be positive")
