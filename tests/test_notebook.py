"""What a notebook shows of a pair, a GAN, a report, a run and its figures."""

from __future__ import annotations

import io
from pathlib import Path

from helpers import autoencoder, released
from PIL import Image

import zoo
from zoo.types import Metric


def test_a_gan_shows_sixteen_samples_and_one_without_values_none() -> None:
    ae = autoencoder()
    png = zoo.gan(like=ae)._repr_png_()
    assert png is not None
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.width == 4 * picture.height - 6 or picture.width > 3 * picture.height  # two rows of eight
    assert zoo.gan(like=ae, device="meta")._repr_png_() is None


def test_a_report_shows_what_moved_and_every_tensor(images_file: Path) -> None:
    ae = autoencoder()
    report = zoo.transfer(ae, zoo.gan(like=ae), "decoder-init").report
    shown = report._repr_html_()
    assert shown.startswith("<svg")
    assert all(row.tensor in shown for row in report.rows)


def test_a_run_and_its_figures_show_themselves(images_file: Path, tmp_path: Path) -> None:
    training = {"batch": 16, "sample_every": 32}
    measured = {"metric": "judge", "samples": 20}
    run = zoo.train(
        zoo.gan(like=autoencoder()),
        str(images_file),
        images=64,
        out=tmp_path / "run",
        training=training,
        evaluation=measured,
    )
    shown = run._repr_html_()
    assert shown.count("data:image/png") == 3  # samples, KID, losses
    assert "<td" in run.metrics._repr_html_()
    assert "kid" in run.metrics._repr_html_()
    [figures] = run.metrics.values()
    assert "judge@" in figures[0]._repr_html_()


def test_a_pair_shows_its_facts_and_samples(tmp_path: Path) -> None:
    shown = zoo.load("dcgan.glyphs-sans32")._repr_html_()
    assert "OFL-1.1 AND Apache-2.0" in shown
    assert "data:image/png;base64," in shown
    assert "kid" in zoo.load(released(tmp_path / "release"))._repr_html_()


def test_what_strangers_wrote_is_escaped() -> None:
    hostile = Metric("<script>", 1.0, 2, 2, "<img src=x>", "held-out", "a@b")
    assert "<script>" not in hostile._repr_html_()
    assert "<img" not in hostile._repr_html_()
