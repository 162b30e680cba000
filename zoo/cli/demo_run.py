"""The demo: the bundled autoencoder of glyphs learns handwritten digits and is handed to a GAN, against the same GAN
from scratch.

Both GANs have the same structure and are measured at the same images shown; the scratch arm has the settings that
tuning chose for it (RESULTS.md), the transfer the default ones.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zoo._utils.files import write_atomically
from zoo.data.grids import captioned, png_bytes
from zoo.data.open import open_images
from zoo.errors import ConfigError
from zoo.networks.compose import gan
from zoo.networks.gan import GAN
from zoo.registry.load import load
from zoo.report.curves import curve
from zoo.training.api import Run, train
from zoo.training.watchers import Cost, CostWatch, read_costs, read_spent
from zoo.transfers.apply import TransferResult, transfer
from zoo.types import Watcher

__all__ = ["DemoResult", "Scale", "demo"]

SOURCE = "dcgan.glyphs-sans32"
TARGET = "mnist5k"
SCRATCH = {
    "batch": 8,
    "generator_lr": 4e-3,
    "discriminator_lr": 4e-3,
    "gradient_limit": 0.0,
    "regulariser": {"component": "core/r1", "config": {"gamma": 0.3}},
}

_GRIDS = 16
_SHOWN = (1, 2, 4, 8, 16)
"""Samples are drawn 16 times in a run; the picture shows these of them."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much the demo does."""

    adapt: int
    images: int
    samples: int
    points: tuple[float, ...]


FULL = Scale(adapt=12_800, images=25_600, samples=2_000, points=(0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1))
QUICK = Scale(adapt=6_400, images=6_400, samples=1_000, points=(0, 1 / 4, 1 / 2, 1))


@dataclass(frozen=True, slots=True)
class DemoResult:
    """KID and FID of both GANs at the same images shown and the CPU seconds that each had taken (of the transfer with
    what the autoencoder learnt before; without measuring), the files written, and the seconds that all of it took."""

    images: list[int]
    transfer: dict[str, list[float]]
    scratch: dict[str, list[float]]
    files: dict[str, str]
    seconds: float

    def plain(self) -> dict[str, Any]:
        """The result as plain data."""
        return asdict(self)


def demo(
    out: str | Path, *, quick: bool = False, seed: int = 0, watch: Sequence[tuple[str, Watcher]] = ()
) -> DemoResult:
    """Run the demo into the folder `out`, which must be absent or empty. `watch` are watchers by arm.

    Raises ConfigError when the folder is in use, UnknownName when the starter plugin is not installed.
    """
    began = time.monotonic()
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} already holds something", "Choose another folder: zoo demo --out DIR")
    scale = QUICK if quick else FULL
    pair = load(SOURCE)
    assert pair.autoencoder is not None, "the starter release holds an autoencoder"
    images = open_images(TARGET, like=pair.autoencoder.data)
    watchers = {arm: [one for name, one in watch if name == arm] for arm in ("autoencoder", "transfer", "scratch")}
    adapted = train(
        pair.autoencoder,
        images,
        out=out / "autoencoder",
        images=scale.adapt,
        training={"sample_every": scale.adapt, "checkpoint_every": scale.adapt},
        seed=seed,
        name="demo-autoencoder",
        watch=[CostWatch(out / "autoencoder"), *watchers["autoencoder"]],
    )
    fresh = gan(like=pair.autoencoder, data=images.spec, seed=seed)
    began_transfer = Cost.now()
    transferred = transfer(pair.autoencoder, fresh, data=images, seed=seed)
    before = {"transfer": read_spent(adapted.folder)[1] + (Cost.now() - began_transfer), "scratch": Cost()}
    starts: dict[str, GAN | TransferResult] = {"transfer": transferred, "scratch": fresh}
    points = sorted({round(scale.images * point) for point in scale.points})
    runs: dict[str, Run] = {}
    for arm, start in starts.items():
        runs[arm] = train(
            start,
            images,
            out=out / arm,
            images=scale.images,
            training={
                **(SCRATCH if arm == "scratch" else {}),
                "sample_every": scale.images // _GRIDS,
                "checkpoint_every": scale.images,
            },
            evaluation={"metric": "judge", "samples": scale.samples, "at": points},
            seed=seed,
            name=f"demo-{arm}",
            watch=[CostWatch(out / arm, before[arm]), *watchers[arm]],
        )
    files = {
        "samples": out / "samples.png",
        "curve": out / "curve.png",
        "release": out / "release",
        "transfer": out / "transfer",
        "scratch": out / "scratch",
    }
    write_atomically(files["samples"], _pictures(runs))
    write_atomically(files["curve"], _curve(runs))
    runs["transfer"].release(files["release"], license=images.license, name="dcgan.demo")
    kid = {arm: _figures(run, "kid") for arm, run in runs.items()}
    fid = {arm: _figures(run, "fid") for arm, run in runs.items()}
    seconds = {arm: [round(cost.cpu, 1) for cost in read_costs(out / arm).values()] for arm in runs}
    told = {
        arm: {"kid": list(kid[arm].values()), "fid": list(fid[arm].values()), "cpu_seconds": seconds[arm]}
        for arm in runs
    }
    return DemoResult(
        images=list(kid["transfer"]),
        transfer=told["transfer"],
        scratch=told["scratch"],
        files={name: str(path) for name, path in files.items()},
        seconds=round(time.monotonic() - began, 1),
    )


def _pictures(runs: dict[str, Run]) -> bytes:
    """The same codes at the same moments, one arm a row."""
    from PIL import Image

    panels = []
    for arm, run in runs.items():
        grids = sorted((run.folder / "samples").glob("*.png"))
        for path in [grids[i] for i in _SHOWN if i < len(grids)]:
            with Image.open(path) as picture:
                panels.append((f"{arm}, {int(path.stem):,} images", picture.convert("RGB")))
    return png_bytes(captioned(panels, across=len(panels) // len(runs)))


def _figures(run: Run, name: str) -> dict[int, float]:
    return {at: next(m.value for m in figures if m.name == name) for at, figures in run.metrics.items()}


def _curve(runs: dict[str, Run]) -> bytes:
    """KID over images shown, with its interval."""
    series = {}
    for arm, run in runs.items():
        figures = {at: next(m for m in row if m.name == "kid") for at, row in run.metrics.items()}
        series[arm] = [(at, m.value, *(m.interval or (m.value, m.value))) for at, m in figures.items()]
    return curve(series, xlabel="images shown", ylabel="KID (lower is better)", title="glyphs to digits", log=True)
