"""The demo in colour: planets are drawn, and two GANs learn them in about the same computing time, one in the codes of
the bundled first stage, one in pixels from scratch.

The folder of pictures could be anyone's own. Nothing of the first stage was trained on them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zoo._utils.files import write_atomically
from zoo.cli.demo_run import empty_folder, metric_curve
from zoo.data.grids import captioned_grid, grid, png_bytes
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.data.pixels import to_uint8
from zoo.data.planets import draw_planets
from zoo.encoding.first_stage import first_stage
from zoo.networks.compose import gan
from zoo.networks.gan import GAN
from zoo.report.curves import curve
from zoo.training.api import Run, train
from zoo.training.watchers import Cost, CostWatch, joined, read_costs
from zoo.types import Event, PartSpec, Watcher

__all__ = ["PhotosResult", "demo_photos"]

SOURCE = "spatial.photos4"
METRIC = "efficientnet"
SIZE = 64
_SHOWN = 32
_GRIDS = 16
_ARMS = {
    "codes": (PartSpec("dcgan", {"width": 32}), {"augment": "translation"}),
    "pixels": (PartSpec("dcgan", {"width": 16}), {"augment": "colour+translation"}),
}
"""The networks of codes and of pixels, and the settings of their training."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of the demo: pictures to draw, and images shown to each GAN, which take about as long."""

    pictures: int
    codes: int
    pixels: int


FULL = Scale(pictures=1_200, codes=240_000, pixels=48_000)
QUICK = Scale(pictures=300, codes=16_000, pixels=3_200)
_POINTS = (1 / 8, 1 / 4, 1 / 2, 1)


@dataclass(frozen=True, slots=True)
class PhotosResult:
    """Of both GANs: images shown, KID and CPU seconds at each measurement; the files written, and the seconds that the
    demo took. CPU seconds exclude measuring; those of codes include encoding the images."""

    codes: dict[str, list[float]]
    pixels: dict[str, list[float]]
    files: dict[str, str]
    seconds: float

    def plain(self) -> dict[str, Any]:
        """The result as plain data."""
        return asdict(self)


def demo_photos(
    out: str | Path,
    *,
    quick: bool = False,
    seed: int = 0,
    watch: Sequence[tuple[str, Watcher]] = (),
) -> PhotosResult:
    """Run the demo in the folder `out`, which must be absent or empty. `watch` are pairs of what is done (drawing,
    codes, pixels) and watcher.

    Raises ConfigError if the folder is in use, UnknownName if a bundled plugin is not installed.
    """
    began = time.monotonic()
    out = empty_folder(out, "zoo demo --photos --out DIR")
    scale = QUICK if quick else FULL
    watchers = {arm: [one for name, one in watch if name == arm] for arm in ("drawing", *_ARMS)}
    files = {
        "preview": out / "preview.png",
        "pictures": out / "planets",
        "samples": out / "samples.png",
        "curve": out / "curve.png",
        "release": out / "release",
        "codes": out / "codes",
        "pixels": out / "pixels",
    }

    def count(done: int) -> None:
        if done == _SHOWN:
            text = f"a first picture: {_preview(files['preview'], files['pictures'])}"
            joined(watchers["drawing"])(Event("note", done, scale.pictures, {"text": text}))
        elif done % 10 == 0:
            speed = {"images_per_second": done / (time.monotonic() - began)}
            joined(watchers["drawing"])(Event("tick", done, scale.pictures, speed))

    draw_planets(files["pictures"], scale.pictures, size=SIZE, seed=seed, drawn=count)
    images = open_images(files["pictures"], shape=(3, SIZE, SIZE))
    before = Cost.now()
    stage = first_stage(SOURCE, images)
    encoding = Cost.now() - before
    (of_codes, _), (of_pixels, _) = _ARMS["codes"], _ARMS["pixels"]
    starts = {
        "codes": gan(of_codes, of_codes, first_stage=stage, code_shape=64, seed=seed),
        "pixels": gan(of_pixels, of_pixels, data=images.spec, code_shape=64, seed=seed),
    }
    runs = {
        arm: _train_arm(arm, start, images, out / arm, scale, seed, [CostWatch(out / arm, spent), *watchers[arm]])
        for (arm, start), spent in zip(starts.items(), (encoding, Cost()), strict=True)
    }
    results = {arm: _results(run) for arm, run in runs.items()}
    write_atomically(files["samples"], _pictures(runs, results, images))
    write_atomically(files["curve"], _curve(runs))
    runs["codes"].release(files["release"], license="CC0-1.0", name="dcgan.planets")
    return PhotosResult(
        **results,
        files={name: str(path) for name, path in files.items()},
        seconds=round(time.monotonic() - began, 1),
    )


def _preview(path: Path, pictures: Path) -> Path:
    """Draw the first pictures beside what the first stage makes of them, into the file `path`."""
    images = open_images(pictures, shape=(3, SIZE, SIZE))
    stage = first_stage(SOURCE, images)
    x = images.batch(images.to_measure(_SHOWN))[:8]
    rows = [("drawn", x), (f"as {SOURCE} keeps them in codes", stage.decode(stage.encode(x)))]
    panels = [(text, grid(to_uint8(samples, images.spec), 8)) for text, samples in rows]
    write_atomically(path, png_bytes(captioned_grid(panels, across=1)))
    return path


def _train_arm(
    arm: str, start: GAN, images: ImageSet, out: Path, scale: Scale, seed: int, watch: Sequence[Watcher]
) -> Run:
    shown: int = getattr(scale, arm)
    return train(
        start,
        images,
        out=out,
        images=shown,
        training={**_ARMS[arm][1], "sample_every": shown // _GRIDS, "checkpoint_every": shown},
        evaluation={"metric": METRIC, "samples": 500, "at": sorted(round(shown * point) for point in _POINTS)},
        seed=seed,
        name=f"demo-{arm}",
        watch=watch,
    )


def _results(run: Run) -> dict[str, list[float]]:
    figures = metric_curve(run, "kid")
    return {
        "images": list(figures),
        "kid": [metric.value for metric in figures.values()],
        "cpu_seconds": [round(cost.cpu, 1) for cost in read_costs(run.folder).values()],
    }


def _pictures(runs: Mapping[str, Run], results: Mapping[str, dict[str, list[float]]], images: ImageSet) -> bytes:
    """Samples of both GANs beside pictures that neither has seen."""
    panels = []
    for arm, run in runs.items():
        assert run.gan is not None, "both arms train a GAN"
        samples = run.gan.to_output(run.gan.undecoded(_SHOWN, seed=1))
        text = f"a GAN of {arm} after {results[arm]['cpu_seconds'][-1]:.0f} s"
        panels.append((text, grid(to_uint8(samples, run.gan.output), 8)))
    real = images.batch(images.to_measure(_SHOWN))
    panels.append(("pictures that neither has seen", grid(to_uint8(real, images.spec), 8)))
    return png_bytes(captioned_grid(panels, across=1))


def _curve(runs: Mapping[str, Run]) -> bytes:
    """KID over CPU seconds, with its interval."""
    series = {
        f"a GAN of {arm}": [
            (cost.cpu, m.value, *(m.interval or (m.value, m.value)))
            for cost, m in zip(read_costs(run.folder).values(), metric_curve(run, "kid").values(), strict=True)
        ]
        for arm, run in runs.items()
    }
    return curve(series, xlabel="seconds of computing", ylabel="KID (lower is better)", title="planets", log=True)
