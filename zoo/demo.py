"""The demo: the bundled autoencoder of glyphs, transferred to handwritten digits, against the same GAN from scratch.

Both GANs have the same structure, see the same batches and codes, and are measured at the same images shown.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zoo.data.open import open_images
from zoo.errors import ConfigError
from zoo.files import write_atomically
from zoo.networks.compose import gan
from zoo.networks.gan import GAN
from zoo.pairs import load
from zoo.report.curves import curve
from zoo.report.grids import captioned, png_bytes
from zoo.runs import Run, train
from zoo.training.events import Watcher
from zoo.transfers.transfer import Moved, transfer

__all__ = ["DemoResult", "Scale", "demo"]

SOURCE = "dcgan.glyphs-sans32"
TARGET = "mnist5k"
STRATEGY = "decoder-init+encoder-init+gmm-prior"
BATCH = 32
"""Of 32 and 64, what served the scratch arm better (at learning rates of 5e-4 to 4e-3 and R1 gammas of 0.3 to 3)."""

_GRIDS = 16
_SHOWN = (1, 2, 4, 8, 16)
"""Samples are drawn 16 times in a run; the picture shows these of them."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much the demo does."""

    images: int
    samples: int
    points: tuple[float, ...]


FULL = Scale(images=51_200, samples=2_000, points=(0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1))
QUICK = Scale(images=6_400, samples=1_000, points=(0, 1 / 4, 1 / 2, 1))


@dataclass(frozen=True, slots=True)
class DemoResult:
    """KID and FID of both GANs at the same images shown, the files written, and the seconds that it took."""

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
    fresh = gan(like=pair.autoencoder, data=images.spec, seed=seed)
    starts: dict[str, GAN | Moved] = {
        "transfer": transfer(pair.autoencoder, fresh, STRATEGY, data=images, seed=seed),
        "scratch": fresh,
    }
    points = sorted({round(scale.images * point) for point in scale.points})
    runs: dict[str, Run] = {}
    for arm, start in starts.items():
        runs[arm] = train(
            start,
            images,
            out=out / arm,
            images=scale.images,
            training={"batch": BATCH, "sample_every": scale.images // _GRIDS, "checkpoint_every": scale.images},
            evaluation={"metric": "judge", "samples": scale.samples, "at": points},
            seed=seed,
            name=f"demo-{arm}",
            watch=[watcher for name, watcher in watch if name == arm],
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
    return DemoResult(
        images=list(kid["transfer"]),
        transfer={"kid": list(kid["transfer"].values()), "fid": list(fid["transfer"].values())},
        scratch={"kid": list(kid["scratch"].values()), "fid": list(fid["scratch"].values())},
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
