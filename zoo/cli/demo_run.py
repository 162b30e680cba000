"""The demo: the bundled autoencoder of printed characters is adapted to handwritten digits and transferred to a GAN,
which is compared with the same GAN from scratch.

Both GANs have the same structure and are measured after the same numbers of images. The scratch arm has tuned settings
(RESULTS.md), the transfer the default ones.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zoo._utils.files import write_atomically
from zoo.data.grids import captioned_grid, grid, png_bytes
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.data.pixels import to_uint8
from zoo.errors import ConfigError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import gan
from zoo.networks.gan import GAN
from zoo.registry.load import load
from zoo.report.curves import curve
from zoo.training.api import Run, train
from zoo.training.watchers import Cost, CostWatch, read_costs, read_spent
from zoo.transfers.apply import TransferResult, transfer
from zoo.types import Event, Metric, Watcher

__all__ = ["DemoResult", "Scale", "demo", "empty_folder", "metric_curve", "watchers_of"]

SOURCE = "dcgan.glyphs-sans32"
TARGET = "mnist5k"
SCRATCH = {
    "batch": 8,
    "generator_lr": 4e-3,
    "discriminator_lr": 4e-3,
    "gradient_limit": 0.0,
    "regulariser": {"component": "core/r1", "config": {"gamma": 0.3}},
}

_PREVIEWED = 8
_GRIDS = 16
_PANELS = (1, 2, 4, 8, 16)
"""Samples are saved 16 times in a run; the picture shows these of them."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of the demo: images to adapt with, images of each GAN, samples per measurement, and when to measure, as
    fractions of the images."""

    adapt: int
    images: int
    samples: int
    points: tuple[float, ...]


FULL = Scale(adapt=12_800, images=25_600, samples=2_000, points=(0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1))
QUICK = Scale(adapt=6_400, images=6_400, samples=1_000, points=(0, 1 / 4, 1 / 2, 1))


@dataclass(frozen=True, slots=True)
class DemoResult:
    """KID, FID and CPU seconds of both GANs after the numbers of images in `images`, the files written, and the seconds
    that the demo took. CPU seconds exclude measuring; the transfer's include adapting the autoencoder."""

    images: list[int]
    transfer: dict[str, list[float]]
    scratch: dict[str, list[float]]
    files: dict[str, str]
    seconds: float

    def plain(self) -> dict[str, Any]:
        """The result as plain data."""
        return asdict(self)


def watchers_of(watch: Sequence[tuple[str, Watcher]], arms: Sequence[str]) -> dict[str, list[Watcher]]:
    """The watchers of each arm, from pairs of arm and watcher."""
    return {arm: [one for name, one in watch if name == arm] for arm in arms}


def demo(
    out: str | Path, *, quick: bool = False, seed: int = 0, watch: Sequence[tuple[str, Watcher]] = ()
) -> DemoResult:
    """Run the demo in the folder `out`, which must be absent or empty. `watch` are pairs of arm and watcher.

    Raises ConfigError if the folder is in use, UnknownName if the plugin zoo-starter is not installed.
    """
    began = time.monotonic()
    out = empty_folder(out, "zoo demo --out DIR")
    scale = QUICK if quick else FULL
    autoencoder = load(SOURCE).autoencoder
    assert autoencoder is not None, "the bundled release has an autoencoder"
    images = open_images(TARGET, like=autoencoder.data)
    watchers = watchers_of(watch, ("autoencoder", "transfer", "scratch"))
    _preview(out / "preview.png", autoencoder, images, scale, watchers["autoencoder"])
    adapted = train(
        autoencoder,
        images,
        out=out / "autoencoder",
        images=scale.adapt,
        training={"sample_every": scale.adapt, "checkpoint_every": scale.adapt},
        seed=seed,
        name="demo-autoencoder",
        watch=[CostWatch(out / "autoencoder"), *watchers["autoencoder"]],
    )
    fresh = gan(like=autoencoder, data=images.spec, seed=seed)
    began_transfer = Cost.now()
    transferred = transfer(autoencoder, fresh, data=images, seed=seed)
    before = {"transfer": read_spent(adapted.folder)[1] + (Cost.now() - began_transfer), "scratch": Cost()}
    starts: dict[str, GAN | TransferResult] = {"transfer": transferred, "scratch": fresh}
    runs = {
        arm: _train_arm(arm, start, images, out / arm, scale, seed, [CostWatch(out / arm, before[arm]), *watchers[arm]])
        for arm, start in starts.items()
    }
    files = {
        "preview": out / "preview.png",
        "samples": out / "samples.png",
        "curve": out / "curve.png",
        "release": out / "release",
        "transfer": out / "transfer",
        "scratch": out / "scratch",
    }
    write_atomically(files["samples"], _pictures(runs))
    write_atomically(files["curve"], _curve(runs))
    runs["transfer"].release(files["release"], license=images.license, name="dcgan.demo")
    return DemoResult(
        images=list(runs["transfer"].metrics),
        transfer=_results(runs["transfer"]),
        scratch=_results(runs["scratch"]),
        files={name: str(path) for name, path in files.items()},
        seconds=round(time.monotonic() - began, 1),
    )


def empty_folder(out: str | Path, command: str) -> Path:
    """The folder of a demo. Raises ConfigError if it is in use."""
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} is not empty", f"Choose another folder: {command}")
    return out


def _preview(path: Path, autoencoder: Autoencoder, images: ImageSet, scale: Scale, watch: Sequence[Watcher]) -> None:
    """Draw held-out digits beside what the autoencoder makes of them before it learns any, and tell the watchers."""
    x = images.batch(images.to_measure(_PREVIEWED))
    rows = [
        ("digits that are held out", x),
        ("as the autoencoder of printed characters knows them", autoencoder.reconstruct(x)),
    ]
    panels = [(text, grid(to_uint8(samples, images.spec), _PREVIEWED)) for text, samples in rows]
    write_atomically(path, png_bytes(captioned_grid(panels, across=1)))
    for watcher in watch:
        watcher(Event("note", 0, scale.adapt, {"text": f"a first picture: {path}"}))


def _train_arm(
    arm: str,
    start: GAN | TransferResult,
    images: ImageSet,
    out: Path,
    scale: Scale,
    seed: int,
    watch: Sequence[Watcher],
) -> Run:
    return train(
        start,
        images,
        out=out,
        images=scale.images,
        training={
            **(SCRATCH if arm == "scratch" else {}),
            "sample_every": scale.images // _GRIDS,
            "checkpoint_every": scale.images,
        },
        evaluation={
            "metric": "judge",
            "samples": scale.samples,
            "at": sorted({round(scale.images * point) for point in scale.points}),
        },
        seed=seed,
        name=f"demo-{arm}",
        watch=watch,
    )


def _results(run: Run) -> dict[str, list[float]]:
    return {
        "kid": [metric.value for metric in metric_curve(run, "kid").values()],
        "fid": [metric.value for metric in metric_curve(run, "fid").values()],
        "cpu_seconds": [round(cost.cpu, 1) for cost in read_costs(run.folder).values()],
    }


def _pictures(runs: dict[str, Run]) -> bytes:
    """Samples of the same codes after the same numbers of images, one row per arm."""
    from PIL import Image

    panels = []
    for arm, run in runs.items():
        grids = sorted((run.folder / "samples").glob("*.png"))
        for path in [grids[i] for i in _PANELS if i < len(grids)]:
            with Image.open(path) as picture:
                panels.append((f"{arm}, {int(path.stem):,} images", picture.convert("RGB")))
    return png_bytes(captioned_grid(panels, across=len(panels) // len(runs)))


def metric_curve(run: Run, name: str) -> dict[int, Metric]:
    """One metric of a run by images shown."""
    return {at: next(m for m in metrics if m.name == name) for at, metrics in run.metrics.items()}


def _curve(runs: dict[str, Run]) -> bytes:
    """KID over images shown, with its interval."""
    series = {
        arm: [(at, m.value, *(m.interval or (m.value, m.value))) for at, m in metric_curve(run, "kid").items()]
        for arm, run in runs.items()
    }
    return curve(series, xlabel="images shown", ylabel="KID (lower is better)", title="glyphs to digits", log=True)
