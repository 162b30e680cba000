"""The facts that the gallery shows of a release and of a strategy, read from registries, manifests and plugins."""

from __future__ import annotations

import inspect
import io
from collections.abc import Sequence
from dataclasses import dataclass

from zoo.plugin import (
    ROLES,
    Entry,
    Manifest,
    PartEntry,
    RegisteredComponent,
    Setting,
    ZooError,
    available_release,
    components,
    config_class,
    data_url,
    import_component,
    read_pinned,
    settings_of,
    transfer_diagram,
)

__all__ = ["Card", "StrategyPage", "card_of", "derived_from", "strategies_of", "strategy_pages"]

_WIDEST = 720
"""Pictures are reduced to at most this many pixels in width: they are embedded in the page."""


@dataclass(frozen=True, slots=True)
class Card:
    """A named release. `manifest` is None if the release is not on this machine; `picture` is a data address or empty,
    `moved` an SVG or empty; `derived` are the GANs in the registries that were transferred from it."""

    entry: Entry
    manifest: Manifest | None
    picture: str
    moved: str
    derived: tuple[str, ...] = ()

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
    picture = _small(read_pinned(folder, "samples.png", pin)) if pin is not None else ""
    lineage = manifest.lineage
    moved = transfer_diagram(lineage.tensors, lineage.strategy) if lineage and lineage.tensors else ""
    return Card(entry, manifest, picture, moved)


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


def _small(png: bytes) -> str:
    """The picture re-encoded as a data address; empty if it is no picture."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(png), formats=("PNG",)) as picture:
            small = picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # a stranger's file
        return ""
    small.thumbnail((_WIDEST, 2 * _WIDEST))
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
