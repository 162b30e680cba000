"""The facts that the gallery shows of a release and of a strategy, read from registries, manifests and plugins."""

from __future__ import annotations

import inspect
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.plugin import (
    ROLES,
    Entry,
    Manifest,
    PartEntry,
    RegisteredComponent,
    Setting,
    Summary,
    ZooError,
    available_release,
    captioned_grid,
    components,
    config_class,
    data_url,
    grid,
    import_component,
    kid_curve,
    newest_grid,
    png_bytes,
    read_pinned,
    settings_of,
    transfer_diagram,
)
from zoo_ui.comparison import runs_below, summary_of
from zoo_ui.loaded_model import LoadedModel

__all__ = ["Card", "RunCard", "StrategyPage", "card_of", "derived_from", "run_cards", "strategies_of", "strategy_pages"]

_OF_EACH = 8
_MOST_CLASSES = 40
_WIDEST = 720
"""Pictures are reduced to at most this many pixels in width: they are embedded in the page."""


@dataclass(frozen=True, slots=True)
class Card:
    """A named release. `manifest` is None if the release is not on this machine; `picture` is a data address or empty,
    `moved` an SVG or empty; `derived` are the GANs in the registries that were transferred from it. For its own page,
    `large` is the picture in its full size, and `classes` a row of samples of each class, or empty."""

    entry: Entry
    manifest: Manifest | None
    picture: str
    moved: str
    derived: tuple[str, ...] = ()
    large: str = ""
    classes: str = ""

    @property
    def page(self) -> str:
        """The file of its own page."""
        return f"model-{self.entry.name}.html"

    @property
    def parts(self) -> list[PartEntry]:
        """Its networks, the autoencoder's first."""
        parts = self.manifest.parts if self.manifest else {}
        return [parts[role] for role in ROLES if role in parts]

    @property
    def strategies(self) -> list[str]:
        """The names of the strategies that made it, without plugin and settings."""
        lineage = self.manifest.lineage if self.manifest else None
        return strategies_of(lineage.strategy) if lineage else []


@dataclass(frozen=True, slots=True)
class RunCard:
    """A run below the given folder. Its pictures are data addresses or empty: samples `before` training and `after`,
    and the `curve` of KID."""

    name: str
    summary: Summary
    before: str
    after: str
    curve: str


@dataclass(frozen=True, slots=True)
class StrategyPage:
    """A strategy: its author's description, what slots it fills, what it requires, its settings. `problem` says why its
    code could not be imported."""

    id: str
    name: str
    summary: str
    text: str
    slots: tuple[str, ...]
    uses: tuple[str, ...]
    settings: tuple[Setting, ...]
    owner: str
    problem: str = ""


def card_of(entry: Entry) -> Card:
    """Everything on this machine about a registered release; nothing is pulled. Raises IntegrityError if its picture is
    not the pinned one."""
    local = available_release(entry)
    if local is None:
        return Card(entry, None, "", "")
    folder, manifest = local
    pin = manifest.files.get("samples.png")
    png = read_pinned(folder, "samples.png", pin) if pin is not None else b""
    lineage = manifest.lineage
    moved = transfer_diagram(lineage.tensors, lineage.strategy) if lineage and lineage.tensors else ""
    return Card(
        entry, manifest, _reduced(png), moved, large=_reduced(png, 2 * _WIDEST), classes=_classes(entry, manifest)
    )


def strategies_of(text: str) -> list[str]:
    """`transfer/decoder-init+gmm-prior` -> decoder-init, gmm-prior."""
    return [word.strip().rpartition("/")[2] for word in text.split("+") if word.strip()]


def strategy_pages() -> list[StrategyPage]:
    """Every strategy that the plugins registered."""
    return [_strategy(registered) for registered in components("transfer")]


def _strategy(registered: RegisteredComponent) -> StrategyPage:
    owner = f"{registered.plugin.distribution} {registered.plugin.version}"
    text = problem = ""
    slots: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    try:
        settings = settings_of(config_class(registered))
        target = import_component(registered, registered.component.target)
        text = inspect.getdoc(target) or ""
        slots, uses = _words(getattr(target, "slots", ())), _words(getattr(target, "requires", ()))
    except ZooError as error:
        problem = error.message
    summary = registered.component.summary
    return StrategyPage(registered.id, registered.component.name, summary, text, slots, uses, settings, owner, problem)


def _words(values: object) -> tuple[str, ...]:
    """Names of a class attribute; none if they depend on a strategy's settings."""
    return tuple(sorted(map(str, values))) if isinstance(values, (frozenset, set, tuple)) else ()


def _classes(entry: Entry, manifest: Manifest) -> str:
    """A row of samples of each class as a data address; empty for a model that takes none."""
    condition = manifest.data.condition
    if condition is None or not condition.classes or "generator" not in manifest.parts:
        return ""
    model = LoadedModel.open(entry.key)
    rows = [(name, grid(model.samples(range(_OF_EACH), asked=name))) for name in model.classes[:_MOST_CLASSES]]
    return data_url(png_bytes(captioned_grid(rows, across=1))) if rows else ""


def run_cards(root: Path) -> list[RunCard]:
    """Every run below a folder that can be read, newest first."""
    cards = []
    for folder in runs_below(root):
        summary = summary_of(folder)
        if summary is not None:
            moments = sorted((folder / "samples").glob("*.png"))
            before = moments[0].read_bytes() if len(moments) > 1 else b""
            after, curve = newest_grid(folder) or b"", kid_curve([folder]) or b""
            name = folder.relative_to(root).as_posix() if folder != root else folder.name
            cards.append(RunCard(name, summary, *map(_reduced, (before, after, curve))))
    return cards


def _reduced(png: bytes, widest: int = _WIDEST) -> str:
    """The picture re-encoded as a data address; empty if it is no picture."""
    from PIL import Image

    if not png:
        return ""

    try:
        with Image.open(io.BytesIO(png), formats=("PNG",)) as picture:
            small = picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # a stranger's file
        return ""
    small.thumbnail((widest, 2 * widest))
    buffer = io.BytesIO()
    small.save(buffer, "PNG", optimize=True)
    return data_url(buffer.getvalue())


def derived_from(cards: Sequence[Card]) -> dict[str, tuple[str, ...]]:
    """By release, the GANs that were transferred from it."""
    derived: dict[str, tuple[str, ...]] = {}
    for card in cards:
        lineage = card.manifest.lineage if card.manifest else None
        for name in dict.fromkeys(origin.name for origin in lineage.origins) if lineage else ():
            derived[name] = (*derived.get(name, ()), card.entry.name)
    return derived
