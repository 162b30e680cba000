"""The demo in colour: planets are drawn, and two GANs learn them in about the same computing time.

One learns the codes of the bundled first stage and is initialised from an autoencoder of these codes, which is trained
first. The other learns pixels from scratch. Nothing of the first stage was trained on planets: the folder of pictures
could be anyone's own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zoo._utils.files import write_atomically
from zoo.cli.demo_run import empty_folder, metric_curve, watchers_of
from zoo.data.grids import captioned_grid, grid, png_bytes
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.data.pixels import to_uint8
from zoo.data.planets import draw_planets
from zoo.encoding.first_stage import first_stage
from zoo.networks.compose import autoencoder, gan
from zoo.networks.gan import GAN
from zoo.report.curves import curve
from zoo.training.api import Run, train
from zoo.training.watchers import Cost, CostWatch, joined, read_costs, read_spent
from zoo.transfers.apply import TransferResult, transfer
from zoo.types import Event, PartSpec, Watcher

__all__ = ["PhotosResult", "demo_photos"]

SOURCE = "spatial.photos4"
METRIC = "efficientnet"
SIZE = 64
_SHOWN = 32
_GRIDS = 16
_OF_CODES = PartSpec("dcgan", {"width": 32})
_OF_PIXELS = PartSpec("dcgan", {"width": 16})
_STRATEGY = "decoder-init+encoder-init+gmm-prior+recon-anchor"
_AUGMENT = {"transfer": "translation", "scratch": "colour+translation"}


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of the demo: pictures to draw, images shown to the autoencoder of codes and to each GAN (both arms take
    about as long), and samples per measurement."""

    pictures: int
    autoencoder: int
    transfer: int
    scratch: int
    samples: int


FULL = Scale(pictures=800, autoencoder=20_000, transfer=48_000, scratch=15_000, samples=500)
QUICK = Scale(pictures=120, autoencoder=2_000, transfer=3_200, scratch=1_600, samples=60)
_POINTS = (0, 1 / 4, 1 / 2, 1)


@dataclass(frozen=True, slots=True)
class PhotosResult:
    """Of both GANs: images shown, KID and CPU seconds at each measurement; the files written, and the seconds that the
    demo took. CPU seconds exclude measuring; the transfer's include encoding and training the autoencoder of codes."""

    transfer: dict[str, list[float]]
    scratch: dict[str, list[float]]
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
    autoencoder, transfer, scratch) and watcher.

    Raises ConfigError if the folder is in use, UnknownName if a bundled plugin is not installed.
    """
    began = time.monotonic()
    out = empty_folder(out, "zoo demo --photos --out DIR")
    scale = QUICK if quick else FULL
    watchers = watchers_of(watch, ("drawing", "autoencoder", "transfer", "scratch"))
    files = {
        "preview": out / "preview.png",
        "pictures": out / "planets",
        "samples": out / "samples.png",
        "curve": out / "curve.png",
        "release": out / "release",
        "transfer": out / "transfer",
        "scratch": out / "scratch",
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
    second = train(
        autoencoder(_OF_CODES, _OF_CODES, first_stage=stage, code_shape=64, seed=seed),
        images,
        out=out / "autoencoder",
        images=scale.autoencoder,
        training={"objective": "core/ae", "sample_every": scale.autoencoder, "checkpoint_every": scale.autoencoder},
        seed=seed,
        name="demo-autoencoder",
        watch=[CostWatch(out / "autoencoder", encoding), *watchers["autoencoder"]],
    )
    assert second.autoencoder is not None, "an autoencoder was trained"
    before = Cost.now()
    transferred = transfer(second.autoencoder, None, _STRATEGY, data=images, seed=seed)
    spent = {"transfer": read_spent(second.folder)[1] + (Cost.now() - before), "scratch": Cost()}
    starts: dict[str, GAN | TransferResult] = {
        "transfer": transferred,
        "scratch": gan(_OF_PIXELS, _OF_PIXELS, data=images.spec, code_shape=64, seed=seed),
    }
    runs = {
        arm: _train_arm(arm, start, images, out / arm, scale, seed, [CostWatch(out / arm, spent[arm]), *watchers[arm]])
        for arm, start in starts.items()
    }
    results = {arm: _results(run) for arm, run in runs.items()}
    write_atomically(files["samples"], _pictures(runs, results, images))
    write_atomically(files["curve"], _curve(runs))
    runs["transfer"].release(files["release"], license="CC0-1.0", name="dcgan.planets")
    return PhotosResult(
        **results,
        files={name: str(path) for name, path in files.items()},
        seconds=round(time.monotonic() - began, 1),
    )


def _preview(path: Path, pictures: Path) -> Path:
    """Draw the first pictures beside what the first stage makes of them, into the file `path`."""
    images = open_images(pictures, shape=(3, SIZE, SIZE))
    stage = first_stage(SOURCE, images)
    x = images.batch(images.train[:8])
    rows = [("drawn", x), (f"as {SOURCE} keeps them in codes", stage.decode(stage.encode(x)))]
    panels = [(text, grid(to_uint8(samples, images.spec), 8)) for text, samples in rows]
    write_atomically(path, png_bytes(captioned_grid(panels, across=1)))
    return path


def _train_arm(
    arm: str,
    start: GAN | TransferResult,
    images: ImageSet,
    out: Path,
    scale: Scale,
    seed: int,
    watch: Sequence[Watcher],
) -> Run:
    shown: int = getattr(scale, arm)
    return train(
        start,
        images,
        out=out,
        images=shown,
        training={"augment": _AUGMENT[arm], "sample_every": shown // _GRIDS, "checkpoint_every": shown},
        evaluation={
            "metric": METRIC,
            "samples": scale.samples,
            "at": sorted(round(shown * point) for point in _POINTS),
        },
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
        text = f"{arm}, {results[arm]['cpu_seconds'][-1]:.0f} s of computing"
        panels.append((text, grid(to_uint8(samples, run.gan.output), 8)))
    real = images.batch(images.to_measure(_SHOWN))
    panels.append(("planets that neither has seen", grid(to_uint8(real, images.spec), 8)))
    return png_bytes(captioned_grid(panels, across=1))


def _curve(runs: Mapping[str, Run]) -> bytes:
    """KID over CPU seconds, with its interval."""
    series = {
        arm: [
            (cost.cpu, m.value, *(m.interval or (m.value, m.value)))
            for cost, m in zip(read_costs(run.folder).values(), metric_curve(run, "kid").values(), strict=True)
        ]
        for arm, run in runs.items()
    }
    return curve(series, xlabel="seconds of computing", ylabel="KID (lower is better)", title="planets", log=True)
