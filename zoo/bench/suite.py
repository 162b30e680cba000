"""A suite: which strategies, data sets, architectures, autoencoders and seeds are compared, as one TOML file
(torch-free). `cells` lists every run of it, in the order in which they must be made.
"""

from __future__ import annotations

import itertools
import random
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import tomli_w

from zoo.config import from_plain, to_plain
from zoo.errors import ConfigError, near
from zoo.training.recipe import AdversarialTraining, AutoencoderTraining
from zoo.types import PartSpec, Selection

__all__ = [
    "Architecture",
    "Arm",
    "AutoencoderEntry",
    "Cell",
    "DataEntry",
    "Measuring",
    "Suite",
    "Tuning",
    "begins_with",
    "data_of",
    "final_cells",
    "images_to_show",
    "read_suite",
    "source_cells",
    "spec_of",
    "training_of",
    "trial_cells",
    "with_settings",
    "write_suite",
]

Part = str | PartSpec


@dataclass(frozen=True)
class DataEntry:
    """Images to learn from: a data set's name, a folder or an .npz, their shape if not their own, which rows."""

    source: str
    shape: tuple[int, ...] | None = None
    select: Selection | None = None


@dataclass(frozen=True)
class Architecture:
    """The nets: G is like `generator` (the autoencoder's decoder), D like `discriminator` (by default its encoder)."""

    encoder: Part = "dcgan"
    generator: Part | None = None
    discriminator: Part | None = None
    bottleneck: Part = "core/gaussian"
    latent_dim: int = 64


@dataclass(frozen=True)
class AutoencoderEntry:
    """A source of transfers: `release` names one that exists; else one is trained, per architecture, on the data entry
    `data`, once per seed of `seeds`. Run number i of an arm takes the seed number i (modulo how many there are), so
    that the result is not about one autoencoder. `targets` are the data entries that it is tried on; by default all.
    `begin` names another entry that is trained first, and whose weights this one begins with: a pretrained autoencoder
    that gets used to other images. What that one took is booked too.
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
    """A way to train: from scratch where `strategy` is not given. `like` takes the settings that were chosen for
    another arm; `data`, `autoencoders` and `seeds` narrow what it is run on."""

    strategy: str | tuple[Part, ...] | None = None
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
    regulariser. All combinations are tried, or `trials` of them, drawn once for all arms; then each of `more`, for a
    best that was found at the grid's edge.
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
    runs of one seed see the same batches and codes (they are paired). `training` holds for every GAN; `threads` is each
    worker's; `title` and `about` are for the report, which compares with the arm `baseline`."""

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
                        "A suite books what each autoencoder cost: begin with one that it trains from scratch.",
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
class Cell:
    """One run. `stage` is autoencoder, trial or final; `id` is its folder inside the suite's."""

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
        """The id of the cell that trains the autoencoder."""
        return f"autoencoders/{self.architecture}/{self.autoencoder}.{self.autoencoder_seed}"

    def plain(self) -> dict[str, Any]:
        """The cell as plain data."""
        return asdict(self)


def read_suite(path: Path) -> Suite:
    """Read and check a suite's file. Raises ConfigError naming the file, the key and what is allowed."""
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"there is no suite {path}", "Give a .toml file; recipes/bench holds some.") from None
    except (OSError, ValueError, RecursionError) as error:  # an integer of 5,000 digits is a plain ValueError
        raise ConfigError(f"{path} cannot be read as TOML: {error}", "Mend that line.") from None
    return from_plain(Suite, values, path.name)


def write_suite(suite: Suite) -> bytes:
    """The suite as TOML, every setting written out."""
    return tomli_w.dumps(to_plain(suite)).encode()


def source_cells(suite: Suite) -> list[Cell]:
    """One per autoencoder that is trained, its seed, and architecture that some arm transfers from, or that one of
    those begins with; those that others begin with come first."""
    wanted = {cell.source: cell for cell in (*trial_cells(suite), *final_cells(suite, {})) if cell.autoencoder}
    found: dict[str, Cell] = {}
    for cell in wanted.values():
        entry = suite.autoencoders[cell.autoencoder]
        if entry.data is not None and cell.autoencoder_seed is not None:
            begins = begins_with(suite, cell)
            for one in ([] if begins is None else [begins]) + [_source_cell(suite, cell)]:
                found.setdefault(one.id, one)
    return sorted(found.values(), key=lambda cell: begins_with(suite, cell) is not None)


def begins_with(suite: Suite, cell: Cell) -> Cell | None:
    """The cell of the autoencoder whose weights that of `cell` begins with, if any."""
    begin = suite.autoencoders[cell.autoencoder].begin
    if begin is None or cell.autoencoder_seed is None:
        return None
    seeds = suite.autoencoders[begin].seeds
    at = suite.autoencoders[cell.autoencoder].seeds.index(cell.autoencoder_seed)
    return _source_cell(suite, replace(cell, autoencoder=begin, autoencoder_seed=seeds[at % len(seeds)]))


def _source_cell(suite: Suite, cell: Cell) -> Cell:
    entry, seed = suite.autoencoders[cell.autoencoder], cell.autoencoder_seed
    assert entry.data is not None
    assert seed is not None
    return Cell("autoencoder", entry.data, cell.architecture, "autoencoder", seed, cell.autoencoder, seed)


def trial_cells(suite: Suite) -> list[Cell]:
    """The trials of the tuning stage, as many for each tuned arm."""
    if suite.tuning is None:
        return []
    tuning = suite.tuning
    cells = []
    for arm, architecture in itertools.product(tuning.arms, suite.architectures):
        sources = list(_sources(suite, suite.arms[arm], tuning.data))
        if tuning.autoencoder is not None and suite.arms[arm].strategy is not None:
            sources = [tuning.autoencoder]
        for i, settings in enumerate(tuning.settings()):
            name = sources[0]
            seed = suite.autoencoders[name].seeds[0] if name else None
            cells.append(Cell("trial", tuning.data, architecture, arm, tuning.seed, name, seed, i, settings))
    return cells


def final_cells(suite: Suite, chosen: Mapping[tuple[str, str], Mapping[str, Any]]) -> list[Cell]:
    """The runs that count, seed by seed, so that a suite that is stopped early is paired. `chosen` are the tuned
    settings by (architecture, arm)."""
    cells = []
    for i, seed in enumerate(suite.seeds):
        for data, architecture in itertools.product(suite.data, suite.architectures):
            for name, arm in suite.arms.items():
                if (arm.data and data not in arm.data) or (arm.seeds and seed not in arm.seeds):
                    continue
                settings = chosen.get((architecture, arm.like or name), {})
                for source in _sources(suite, arm, data):
                    seeds = suite.autoencoders[source].seeds if source else (None,)
                    cells.append(
                        Cell("final", data, architecture, name, seed, source, seeds[i % len(seeds)], None, settings)
                    )
    return cells


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


def training_of(suite: Suite, cell: Cell) -> dict[str, Any]:
    """A GAN cell's training settings: the suite's, the trial's or the chosen ones, the arm's own."""
    training = with_settings({**suite.training, **suite.arms[cell.arm].training}, cell.settings)
    if cell.stage == "trial" and suite.tuning is not None:
        training["images"] = suite.tuning.images
    return training


def data_of(suite: Suite, cell: Cell) -> DataEntry:
    """A cell's images; a trial's are split for tuning."""
    entry = suite.data[cell.data]
    if cell.stage != "trial":
        return entry
    return replace(entry, select=replace(entry.select or Selection(), tuning=True))


def images_to_show(suite: Suite, cell: Cell) -> int:
    """How many images a cell's training shows."""
    if cell.stage == "autoencoder":
        return int(suite.autoencoders[cell.autoencoder].training.get("images", AutoencoderTraining().images))
    return int(training_of(suite, cell).get("images", AdversarialTraining().images))


def spec_of(suite: Suite, cell: Cell) -> dict[str, Any]:
    """Everything of the suite that a cell's result depends on, as plain data: what tells a stale result."""
    entry = suite.autoencoders.get(cell.autoencoder)
    spec: dict[str, Any] = {
        "cell": cell.plain(),
        "data": data_of(suite, cell),
        "architecture": suite.architectures[cell.architecture],
        "autoencoder": entry,
        "threads": suite.threads,
    }
    if entry is not None and entry.data is not None:
        spec["autoencoder_data"] = suite.data[entry.data]
        spec["autoencoder"] = replace(entry, seeds=(0,), targets=())
        if entry.begin is not None:
            spec["begin"] = replace(suite.autoencoders[entry.begin], seeds=(0,), targets=())
    if cell.stage != "autoencoder":
        spec |= {"strategy": suite.arms[cell.arm].strategy, "training": training_of(suite, cell)}
        spec["measuring"] = suite.measuring
    plain: dict[str, Any] = to_plain(spec)
    return plain


def _sources(suite: Suite, arm: Arm, data: str) -> Iterator[str]:
    """The autoencoders that an arm is run with on a data entry; one empty name for scratch."""
    if arm.strategy is None:
        yield ""
        return
    for name, entry in suite.autoencoders.items():
        if (not arm.autoencoders or name in arm.autoencoders) and (not entry.targets or data in entry.targets):
            yield name
