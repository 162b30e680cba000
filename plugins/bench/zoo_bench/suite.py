"""A suite: which strategies, data sets, architectures, autoencoders and seeds are compared, as one TOML file
(torch-free), and the specifications of its runs: `source_runs`, `trial_runs`, `final_runs`, to be run in that order.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import tomli_w

from zoo.plugin import (
    AdversarialTraining,
    AutoencoderTraining,
    CodeShape,
    ConfigError,
    PartLike,
    Selection,
    from_plain,
    near,
    parse_toml,
    to_plain,
)

__all__ = [
    "Architecture",
    "Arm",
    "AutoencoderEntry",
    "DataEntry",
    "Measuring",
    "RunSpec",
    "Suite",
    "Tuning",
    "data_of",
    "final_runs",
    "images_to_show",
    "inputs_of",
    "parent_of",
    "read_suite",
    "source_runs",
    "training_of",
    "trial_runs",
    "with_settings",
    "write_suite",
]

_LARGEST = 1_000_000
"""The most bytes of a suite's file."""


@dataclass(frozen=True)
class DataEntry:
    """Images to train on: a data set's name, a folder or an .npz; `shape` if not their own; `select` picks rows."""

    source: str
    shape: tuple[int, ...] | None = None
    select: Selection | None = None


@dataclass(frozen=True)
class Architecture:
    """The nets: G is like `generator` (the autoencoder's decoder), D like `discriminator` (by default its encoder)."""

    encoder: PartLike = "dcgan"
    generator: PartLike | None = None
    discriminator: PartLike | None = None
    bottleneck: PartLike = "core/gaussian"
    code_shape: CodeShape = 64


@dataclass(frozen=True)
class AutoencoderEntry:
    """A source of transfers: `release` names one that exists; else one is trained, per architecture, on the data entry
    `data`, once per seed of `seeds`. Run number i of an arm takes the seed number i (modulo how many there are), so
    that the result is not about one autoencoder. `targets` are the data entries that it is tried on; by default all.
    `begin` names another entry that is trained first, and whose weights this one begins with: a pretrained autoencoder
    that is trained further on other images. Its cost is counted too.
    """

    release: str | None = None
    data: str | None = None
    begin: str | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.release is None) == (self.data is None):
            raise ConfigError("an autoencoder of a suite needs a release or data to train on, and not both")
        if self.begin is not None and self.data is None:
            raise ConfigError("an autoencoder of a suite that begins with another's weights needs data to go on with")
        if not self.seeds:
            raise ConfigError("an autoencoder of a suite needs at least one seed")
        from_plain(AutoencoderTraining, dict(self.training), "autoencoders.training")


@dataclass(frozen=True)
class Arm:
    """A way to train: from scratch if `strategy` is not given. `like` names another arm, whose tuned settings this one
    takes; `data`, `autoencoders` and `seeds` restrict what it is run on."""

    strategy: str | tuple[PartLike, ...] | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    like: str | None = None
    data: tuple[str, ...] = ()
    autoencoders: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True)
class Tuning:
    """Every arm of `arms` gets the same number of trials on the data entry `data` (its rows to learn from, split again:
    the held-out ones stay unseen) with a seed of its own; the one whose last three KIDs have the lowest median is used.

    `grid` lists values by setting: fields of the training, `learning_rate` for both sides, or `gamma` of the
    regulariser. All combinations are tried, or `trials` of them, drawn once for all arms; then each of `more`, for an
    optimum at the edge of the grid.
    """

    data: str
    arms: tuple[str, ...]
    grid: Mapping[str, tuple[Any, ...]]
    images: int
    seed: int = 1_000
    trials: int | None = None
    more: tuple[Mapping[str, Any], ...] = ()
    autoencoder: str | None = None

    def settings(self) -> list[dict[str, Any]]:
        """The trials' settings, the same for every arm."""
        names = sorted(self.grid)
        every = [dict(zip(names, values, strict=True)) for values in itertools.product(*(self.grid[n] for n in names))]
        if self.trials is not None and self.trials < len(every):
            every = [every[i] for i in sorted(random.Random(self.seed).sample(range(len(every)), self.trials))]
        return [*every, *map(dict, self.more)]


@dataclass(frozen=True)
class Measuring:
    """KID, FID, precision and recall of `samples` images in the features of `metric`, before training and at `points`
    counts of images shown, evenly spaced in their logarithm from `first` to the end."""

    metric: str = "judge"
    samples: int = 1_000
    points: int = 20
    first: int = 1_000

    def __post_init__(self) -> None:
        if self.samples < 2 or self.points < 2 or self.first < 1:
            raise ConfigError("measuring needs at least 2 samples, 2 points and a positive first one")

    def at(self, images: int) -> tuple[int, ...]:
        """The counts for a run of so many images."""
        first = min(self.first, images)
        step = (images / first) ** (1 / (self.points - 1))
        return tuple(sorted({0, images, *(min(round(first * step**i), images) for i in range(self.points))}))


@dataclass(frozen=True)
class Suite:
    """What is compared. Every combination of an arm, a data entry, an architecture, an autoencoder and a seed is a run;
    runs of one seed see the same batches and codes (they are paired). `training` applies to every GAN; `threads` is
    each worker's; `title` and `about` are for the report, which compares with the arm `baseline`."""

    data: Mapping[str, DataEntry]
    arms: Mapping[str, Arm]
    name: str = "bench"
    title: str = ""
    about: str = ""
    format: int = 1
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    architectures: Mapping[str, Architecture] = field(default_factory=lambda: {"dcgan": Architecture()})
    autoencoders: Mapping[str, AutoencoderEntry] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    measuring: Measuring = field(default_factory=Measuring)
    tuning: Tuning | None = None
    threads: int = 1
    baseline: str = "scratch"

    def __post_init__(self) -> None:
        if self.format != 1:
            raise ConfigError(f"suite format {self.format} is not known; this zoo reads format 1", "Upgrade aegan-zoo.")
        for name in (*self.data, *self.arms, *self.architectures, *self.autoencoders):
            if not name or set(name) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_+."):
                raise ConfigError(f"{name!r} cannot name a part of a suite", "Use letters, digits, - and _.")
        from_plain(AdversarialTraining, dict(self.training), "training")
        for name, entry in self.autoencoders.items():
            self._known(
                f"autoencoders.{name}",
                self.data,
                *(entry.targets if entry.data is None else (entry.data, *entry.targets)),
            )
            if entry.begin is not None:
                self._known(f"autoencoders.{name}.begin", self.autoencoders, entry.begin)
                other = self.autoencoders[entry.begin]
                if other.begin is not None or other.data is None:
                    taken = f"begins with {other.begin}" if other.begin is not None else "is a release"
                    raise ConfigError(
                        f"autoencoders.{name} begins with {entry.begin}, which itself {taken}",
                        "A suite counts what each autoencoder cost: begin with one that it trains from scratch.",
                    )
        for name, arm in self.arms.items():
            self._known(f"arms.{name}", self.data, *arm.data)
            self._known(f"arms.{name}", self.autoencoders, *arm.autoencoders)
            self._known(f"arms.{name}", self.arms, *([arm.like] if arm.like else []))
            if arm.strategy is not None and not self.autoencoders:
                raise ConfigError(
                    f"arms.{name} transfers, and the suite has no autoencoder", "Give [autoencoders.NAME]."
                )
            from_plain(AdversarialTraining, {**self.training, **arm.training}, f"arms.{name}.training")
        self._known("baseline", self.arms, self.baseline)
        if self.tuning is not None:
            self._known("tuning", self.data, self.tuning.data)
            self._known("tuning", self.arms, *self.tuning.arms)
            for settings in self.tuning.settings():
                from_plain(AdversarialTraining, with_settings(self.training, settings), "tuning.grid")

    def _known(self, where: str, table: Mapping[str, Any], *names: str) -> None:
        for name in names:
            if name not in table:
                raise ConfigError(f"{where} names {name!r}, which the suite does not have", near(name, list(table)))


@dataclass(frozen=True)
class RunSpec:
    """The inputs of one run. `stage` is autoencoder, trial or final; `id` is its folder inside the suite's."""

    stage: str
    data: str
    architecture: str
    arm: str
    seed: int
    autoencoder: str = ""
    autoencoder_seed: int | None = None
    trial: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Unique in the suite, and a path."""
        source = f"{self.autoencoder}.{self.autoencoder_seed}" if self.autoencoder else "-"
        if self.stage == "autoencoder":
            return f"autoencoders/{self.architecture}/{source}"
        last = f"trial{self.trial}" if self.trial is not None else f"seed{self.seed}"
        return f"{self.stage}s/{self.data}/{self.architecture}/{self.arm}/{source}/{last}"

    @property
    def source(self) -> str:
        """The id of the run that trains the autoencoder."""
        return f"autoencoders/{self.architecture}/{self.autoencoder}.{self.autoencoder_seed}"

    def plain(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def read_suite(path: Path) -> Suite:
    """Read and check a suite's file. Raises ConfigError naming the file, the key and what is allowed."""
    try:
        values = parse_toml(path.read_bytes(), largest=_LARGEST)
    except FileNotFoundError:
        raise ConfigError(f"there is no suite {path}", "Give a .toml file; recipes/bench holds some.") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read as TOML: {error}", "Mend that line.") from None
    return from_plain(Suite, values, path.name)


def write_suite(suite: Suite) -> bytes:
    """The suite as TOML, every setting written out."""
    return tomli_w.dumps(to_plain(suite)).encode()


def source_runs(suite: Suite) -> list[RunSpec]:
    """The autoencoders to train, one run per seed and architecture: those that an arm transfers from, and those whose
    weights another one begins with, which come first."""
    wanted = {spec.source: spec for spec in (*trial_runs(suite), *final_runs(suite, {})) if spec.autoencoder}
    runs: dict[str, RunSpec] = {}
    for spec in wanted.values():
        entry = suite.autoencoders[spec.autoencoder]
        if entry.data is not None and spec.autoencoder_seed is not None:
            parent = parent_of(suite, spec)
            for one in ([] if parent is None else [parent]) + [_source_run(suite, spec)]:
                runs.setdefault(one.id, one)
    return sorted(runs.values(), key=lambda spec: parent_of(suite, spec) is not None)


def parent_of(suite: Suite, spec: RunSpec) -> RunSpec | None:
    """The run whose weights the autoencoder of `spec` begins with, if any."""
    begin = suite.autoencoders[spec.autoencoder].begin
    if begin is None or spec.autoencoder_seed is None:
        return None
    seeds = suite.autoencoders[begin].seeds
    at = suite.autoencoders[spec.autoencoder].seeds.index(spec.autoencoder_seed)
    return _source_run(suite, replace(spec, autoencoder=begin, autoencoder_seed=seeds[at % len(seeds)]))


def _source_run(suite: Suite, spec: RunSpec) -> RunSpec:
    entry, seed = suite.autoencoders[spec.autoencoder], spec.autoencoder_seed
    assert entry.data is not None
    assert seed is not None
    return RunSpec("autoencoder", entry.data, spec.architecture, "autoencoder", seed, spec.autoencoder, seed)


def trial_runs(suite: Suite) -> list[RunSpec]:
    """The trials of the tuning stage, the same number for each tuned arm."""
    if suite.tuning is None:
        return []
    tuning = suite.tuning
    specs = []
    for arm, architecture in itertools.product(tuning.arms, suite.architectures):
        sources = list(_sources(suite, suite.arms[arm], tuning.data))
        if tuning.autoencoder is not None and suite.arms[arm].strategy is not None:
            sources = [tuning.autoencoder]
        for i, settings in enumerate(tuning.settings()):
            name = sources[0]
            seed = suite.autoencoders[name].seeds[0] if name else None
            specs.append(RunSpec("trial", tuning.data, architecture, arm, tuning.seed, name, seed, i, settings))
    return specs


def final_runs(suite: Suite, tuned: Mapping[tuple[str, str], Mapping[str, Any]]) -> list[RunSpec]:
    """The runs that are compared, seed by seed, so that a suite that is stopped early has pairs. `tuned` are the
    settings that tuning chose, by (architecture, arm)."""
    specs = []
    for i, seed in enumerate(suite.seeds):
        for data, architecture in itertools.product(suite.data, suite.architectures):
            for name, arm in suite.arms.items():
                if (arm.data and data not in arm.data) or (arm.seeds and seed not in arm.seeds):
                    continue
                settings = tuned.get((architecture, arm.like or name), {})
                for source in _sources(suite, arm, data):
                    seeds = suite.autoencoders[source].seeds if source else (None,)
                    specs.append(
                        RunSpec("final", data, architecture, name, seed, source, seeds[i % len(seeds)], None, settings)
                    )
    return specs


def with_settings(training: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Training settings with a trial's: `learning_rate` sets both sides', `gamma` the regulariser's."""
    merged = dict(training)
    for key, value in settings.items():
        if key == "learning_rate":
            merged |= {"generator_lr": value, "discriminator_lr": value}
        elif key == "gamma":
            part = merged.get("regulariser", "core/r1")
            spec: dict[str, Any] = {"component": part, "config": {}} if isinstance(part, str) else dict(to_plain(part))
            merged["regulariser"] = {**spec, "config": {**spec.get("config", {}), "gamma": value}}
        else:
            merged[key] = value
    return merged


def training_of(suite: Suite, spec: RunSpec) -> dict[str, Any]:
    """A GAN's training settings: the suite's, then the trial's or the chosen ones, then the arm's own."""
    training = with_settings({**suite.training, **suite.arms[spec.arm].training}, spec.settings)
    if spec.stage == "trial" and suite.tuning is not None:
        training["images"] = suite.tuning.images
    return training


def data_of(suite: Suite, spec: RunSpec) -> DataEntry:
    """A run's images; a trial's are split again for tuning."""
    entry = suite.data[spec.data]
    if spec.stage != "trial":
        return entry
    return replace(entry, select=replace(entry.select or Selection(), tuning=True))


def images_to_show(suite: Suite, spec: RunSpec) -> int:
    """How many images a run shows."""
    if spec.stage == "autoencoder":
        return int(suite.autoencoders[spec.autoencoder].training.get("images", AutoencoderTraining().images))
    return int(training_of(suite, spec).get("images", AdversarialTraining().images))


def inputs_of(suite: Suite, spec: RunSpec) -> dict[str, Any]:
    """Everything of the suite that a run's result depends on, as plain data: if it changes, the result is stale."""
    entry = suite.autoencoders.get(spec.autoencoder)
    inputs: dict[str, Any] = {
        "cell": spec.plain(),
        "data": data_of(suite, spec),
        "architecture": suite.architectures[spec.architecture],
        "autoencoder": entry,
        "threads": suite.threads,
    }
    if entry is not None and entry.data is not None:
        inputs["autoencoder_data"] = suite.data[entry.data]
        inputs["autoencoder"] = replace(entry, seeds=(0,), targets=())
        if entry.begin is not None:
            inputs["begin"] = replace(suite.autoencoders[entry.begin], seeds=(0,), targets=())
    if spec.stage != "autoencoder":
        inputs |= {"strategy": suite.arms[spec.arm].strategy, "training": training_of(suite, spec)}
        inputs["measuring"] = suite.measuring
    plain: dict[str, Any] = to_plain(inputs)
    return plain


def _sources(suite: Suite, arm: Arm, data: str) -> Iterator[str]:
    """The autoencoders that an arm is run with on a data entry; one empty name for scratch."""
    if arm.strategy is None:
        yield ""
        return
    for name, entry in suite.autoencoders.items():
        if (not arm.autoencoders or name in arm.autoencoders) and (not entry.targets or data in entry.targets):
            yield name
