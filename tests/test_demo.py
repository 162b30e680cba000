"""The main job, on real images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import zoo
from zoo.cli import main
from zoo.cli.demo_run import demo as run_demo
from zoo.release.folder import read_manifest, verify_files
from zoo.types import Event


def test_ctrl_c_says_how_to_begin_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(out: Path, **words: object) -> None:
        if trained:
            (out / "transfer").mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr("zoo.cli.demo_run.demo", stopped)
    out = tmp_path / "demo"
    for trained, step in ((False, f"zoo demo --quick --out {out}"), (True, f"zoo demo --quick --out {out}-2")):
        with pytest.raises(SystemExit) as done:
            main(["demo", "--quick", "--out", str(out)])
        assert done.value.code == 1
        assert f"Start again{' in a new folder' if trained else ''}: {step}" in capsys.readouterr().err


def test_the_quick_demo_shows_that_the_transfer_helps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demo"
    with pytest.raises(SystemExit) as done:
        main(["demo", "--quick", "--json", "--out", str(out)])
    assert done.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"images", "transfer", "scratch", "files", "seconds"}
    for arm in ("transfer", "scratch"):
        assert len(told[arm]["kid"]) == len(told[arm]["fid"]) == len(told["images"])
    assert told["images"][0] == 0
    assert told["transfer"]["kid"][-1] < told["scratch"]["kid"][-1]
    assert told["transfer"]["fid"][-1] < told["scratch"]["fid"][-1]
    for name in ("samples", "curve"):
        with Image.open(told["files"][name]) as picture:
            assert min(picture.size) > 300
    release = Path(told["files"]["release"])
    verify_files(release, read_manifest(release))
    gan = zoo.load(release).gan
    assert gan is not None
    assert gan.sample(4).shape == (4, 1, 32, 32)
    with pytest.raises(SystemExit) as again:
        main(["demo", "--quick", "--out", str(out)])
    assert again.value.code == 2
    assert "is not empty" in capsys.readouterr().err


def test_the_demo_in_colour_ends_with_figures_samples_and_a_release(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "demo"
    with pytest.raises(SystemExit) as done:
        main(["demo", "--photos", "--quick", "--json", "--out", str(out)])
    assert done.value.code == 0, capsys.readouterr().err
    told = json.loads(capsys.readouterr().out)
    for arm in ("transfer", "scratch"):
        assert len(told[arm]["kid"]) == len(told[arm]["cpu_seconds"]) == 4
    assert told["transfer"]["kid"][-1] < told["scratch"]["kid"][-1]
    assert len(list((out / "planets").iterdir())) == 120
    for name in ("preview", "samples", "curve"):
        with Image.open(told["files"][name]) as picture:
            assert min(picture.size) > 150
    gan = zoo.load(told["files"]["release"]).gan
    assert gan is not None
    assert gan.sample(2).shape == (2, 3, 64, 64)


def test_a_first_picture_is_drawn_and_told_before_anything_is_trained(tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        if event.kind == "note":
            raise KeyboardInterrupt(str(event.facts["text"]))

    with pytest.raises(KeyboardInterrupt, match=r"a first picture: .*preview\.png"):
        run_demo(tmp_path / "demo", quick=True, watch=[("autoencoder", stop)])
    assert [path.name for path in (tmp_path / "demo").iterdir()] == ["preview.png"]
    with Image.open(tmp_path / "demo" / "preview.png") as picture:
        assert min(picture.size) > 150
