"""What the page shows of a model before it is opened: a few facts and a picture, read from registries and folders."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from zoo.plugin import (
    MANIFEST,
    Manifest,
    ZooError,
    available_release,
    cached_releases,
    models,
    newest_grid,
    open_release,
    read_manifest,
    read_pinned,
)
from zoo_ui.comparison import runs_below, summary_of

__all__ = ["ModelCard", "card_picture", "model_cards"]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model by the `name` that opens it. `samples` says whether it can be sampled as a GAN can; `side` is the shorter
    side of its pictures in pixels, 0 if that is not known before it is opened."""

    name: str
    kind: Literal["release", "run"]
    title: str
    about: str = ""
    license: str = ""
    samples: bool = True
    encodes: bool = False
    colour: bool = False
    side: int = 0
    state: str = ""

    def plain(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def model_cards(runs: Path) -> list[ModelCard]:
    """Registered releases that are on this machine, the cache's others, and the runs below a folder, newest first."""
    cards, folders = [], set()
    for entry in sorted(models(), key=lambda entry: not entry.default):
        local = available_release(entry)
        if local is None:
            continue
        folders.add(local[0])
        cards.append(_release_card(entry.name, entry.name, local[1]))
    for one in cached_releases():
        if one.folder not in folders and one.whole:
            try:
                cards.append(_release_card(one.address, one.name or one.address, read_manifest(one.folder)))
            except ZooError:
                continue  # one release that cannot be read must not hide the others
    return [card for card in (*cards, *_run_cards(runs)) if card is not None]


def card_picture(name: str) -> bytes | None:
    """PNG bytes, or None. Raises IntegrityError, and what opening a release raises."""
    folder = Path(name)
    if folder.is_dir() and not (folder / MANIFEST).is_file():
        return newest_grid(folder)
    source, manifest = open_release(name)
    pin = manifest.files.get("samples.png")
    return None if pin is None else read_pinned(source, "samples.png", pin)


def _release_card(name: str, title: str, manifest: Manifest) -> ModelCard | None:
    """None for vectors, which have no picture."""
    output = manifest.output
    if not output.is_image:
        return None
    colour, side = output.shape[0] == 3, min(output.shape[1:])
    roles = set(manifest.parts)
    return ModelCard(
        name,
        "release",
        title,
        f"{'colour' if colour else 'grey'}, {side} px",
        manifest.license,
        "generator" in roles,
        "encoder" in roles,
        colour,
        side,
    )


def _run_cards(root: Path) -> list[ModelCard]:
    cards = []
    for folder in runs_below(root):
        summary = summary_of(folder)
        if summary is None or not (folder / "checkpoints").is_dir():
            continue
        trains_gan = summary.recipe is not None and summary.recipe.gan is not None
        about = f"{summary.strategy}, {summary.shown:,} images shown"
        title = os.path.relpath(folder, root)
        cards.append(ModelCard(str(folder), "run", title, about, "", trains_gan, state=summary.state))
    return cards
