"""The tracker `tensorboard`. Imports torch and TensorBoard only when a run uses it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.plugin import ConfigError, hook

if TYPE_CHECKING:
    from zoo.plugin import Event, RunFacts

ZOO_API = 2


@hook
def zoo_run_event(run: RunFacts, event: Event) -> None:
    """Write scalars, grids of samples and notes to `tensorboard/` in the run's folder."""
    from zoo_trackers.scalars import ENDS, scalars

    writers = _writers()
    if run.folder not in writers:
        writers[run.folder] = _writer(run.folder / "tensorboard", event.shown)
    writer = writers[run.folder]
    for name, value in scalars(event).items():
        writer.add_scalar(name, value, event.shown)
    if event.kind == "sample" and Path(event.facts["path"]).is_file():
        writer.add_image("samples", _picture(Path(event.facts["path"])), event.shown, dataformats="HWC")
    elif event.kind in ("note", "warning"):
        writer.add_text(event.kind, str(event.facts.get("text") or event.facts.get("what")), event.shown)
    elif event.kind == "checkpoint":
        writer.flush()
    elif event.kind in ENDS:
        writers.pop(run.folder).close()


@functools.cache
def _writers() -> dict[Path, Any]:
    """The open writers, by the run's folder."""
    return {}


def _writer(folder: Path, shown: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ConfigError(
            "TensorBoard is not installed", "Install it: pip install 'zoo-trackers[tensorboard]'"
        ) from error
    # hide what an interrupted run wrote after its last checkpoint
    return SummaryWriter(str(folder), purge_step=shown or None)


def _picture(path: Path) -> Any:
    import numpy as np
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))
