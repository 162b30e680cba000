"""The command line: what it prints, where it fails, with which code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.cli import main


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):  # type: ignore[no-untyped-def]
        return json.loads(self.out)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Run the program as `zoo WORDS`."""

    def call(*words: object) -> Result:
        with pytest.raises(SystemExit) as done:
            main([str(word) for word in words])
        captured = capsys.readouterr()
        return Result(done.value.code or 0, captured.out, captured.err)  # type: ignore[arg-type]

    return call


TINY = ("--encoder", "dcgan", "--decoder", "dcgan", "--set", "encoder.width=4", "--set", "decoder.width=4")


def test_the_whole_path_by_commands(run, images_file: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    ae, gan, release = tmp_path / "ae", tmp_path / "gan", tmp_path / "release"
    done = run(
        "train", "autoencoder", "--data", images_file, *TINY, "--images", 128, "--batch", 16, "--out", ae, "--json"
    )
    assert done.code == 0, done.err
    assert done.json["autoencoder"]["images"] == 128
    done = run("transfer", ae, "--data", images_file, "--images", 128, "--batch", 16, "--metric", "judge", "--out", gan)
    assert done.code == 0, done.err
    assert "generator      6 copied" in done.out
    assert "kid" in done.out
    again = run("resume", gan)
    assert again.code == 0
    assert f"To train longer: zoo resume {gan} --override images=256" in again.err
    assert run("release", gan, release, "--license", "MIT", "--name", "dcgan.blobs").code == 0
    assert "every test vector is reproduced" in run("verify", release).out
    assert run("info", release, "--json").json["license"] == "MIT"
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    assert run("sample", release, "-n", 9, "-o", first).code == 0
    assert run("sample", gan, "-n", 9, "-o", second, "--quiet").out.strip() == str(second)
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as picture:
        assert picture.size[0] > 100
    assert run("sample", release, "-n", 5, "-o", tmp_path / "s.npz").code == 0
    with np.load(tmp_path / "s.npz") as arrays:
        assert arrays["images"].shape == (5, 8, 8)
    assert run("encode", release, "--data", images_file, "-o", tmp_path / "codes.npz").code == 0
    with np.load(tmp_path / "codes.npz") as arrays:
        assert arrays["codes"].shape == (96, 64)
    assert run("reconstruct", release, "--data", images_file, "-n", 4, "-o", tmp_path / "r.png").code == 0
    assert run("interpolate", release, "--rows", 2, "--steps", 3, "-o", tmp_path / "i.png").code == 0
    figures = run("evaluate", release, "--data", images_file, "-n", 50, "--json").json
    assert {"kid", "fid_infinity", "recall", "coverage", "memorisation_gap"} <= {figure["name"] for figure in figures}
    drawn, measured = tmp_path / "beside.png", tmp_path / "measured"
    words = ("-n", 50, "-o", drawn, "--write", measured, "--version", "0.1.1")
    assert "judge@" in run("evaluate", release, "--data", images_file, *words).out
    with Image.open(drawn) as picture:
        assert picture.size[0] > 100
    assert "every test vector is reproduced" in run("verify", measured).out
    told = json.loads((measured / "zoo.json").read_text())
    assert told["version"] == "0.1.1"
    assert {metric["name"]: metric["value"] for metric in told["metrics"]} == {f["name"]: f["value"] for f in figures}
    assert "versions are immutable" in run("evaluate", release, "--data", images_file, *words[:-1], "0.1.0").err
    assert run("resume", gan).code == 0


def test_explain_shows_every_tensor_and_trains_nothing(run, images_file: Path) -> None:  # type: ignore[no-untyped-def]
    done = run("transfer", "dcgan.glyphs-sans32", "--data", images_file, "--explain", "-v")
    assert done.code == 0, done.err
    assert "discriminator.head.weight" in done.out
    assert "fresh" in done.out
    words = ("--strategy", "decoder-init+encoder-init", "--explain", "--json")
    told = run("transfer", "dcgan.glyphs-sans32", "--data", images_file, *words).json
    assert {row["origin"] for row in told["tensors"]} == {"copied", "fresh"}


def test_explain_says_that_colour_is_dropped_and_that_files_cannot_be_read(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(12):
        Image.new("RGB", (9, 7), (20 * i, 200, 40)).save(folder / f"{i}.png")
    (folder / "broken.png").write_bytes(b"no image")
    told = run("transfer", "dcgan.glyphs-sans32", "--data", folder, "--explain").out
    assert "--shape 3,32,32" in told
    assert "1 file could not be read" in told


def test_a_recipe_runs_its_four_steps(run, images_file: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    recipe = tmp_path / "recipe.toml"
    text = (Path(__file__).parent.parent / "recipes" / "founding.toml").read_text()
    recipe.write_text(
        text.replace('"mnist5k"', json.dumps(str(images_file))).replace("28, 28", "8, 8").replace("200_000", "256")
    )
    done = run("train", recipe, "--out", tmp_path / "run", "--json")
    assert done.code == 0, done.err
    assert set(done.json) >= {"autoencoder", "gan", "samples", "verdict"}
    origins = {row["origin"] for row in done.json["gan"]["report"] if row["net"] == "generator"}
    assert origins == {"adapted"}
    assert Path(done.json["samples"]).exists()
    assert 0 <= done.json["verdict"]["real_called_real"] <= 1


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["lst"], 2, "Did you mean list"),
        (["train", "autoencodr", "--out", "x"], 2, "there is no recipe"),
        (["train", "autoencoder", "--out", "x"], 2, "no images given"),
        (["train", "autoencoder", "--data", "mnist5", "--out", "x"], 2, "Did you mean mnist5k"),
        (["train", "autoencoder", "--data", "mnist5k", "--encoder", "dcgn", "--out", "x"], 2, "Did you mean dcgan"),
        (["train", "autoencoder", "--data", "mnist5k", "--shape", "1,28,28", "--out", "x"], 2, "28 px"),
        (["train", "autoencoder", "--data", "mnist5k", "--shape", "big", "--out", "x"], 2, "is not a shape"),
        (["train", "autoencoder", "--data", "mnist5k", "--discriminator", "mlp", "--out", "x"], 2, "does not belong"),
        (["train", "gan", "--data", "mnist5k", "--set", "batsh=3", "--out", "x"], 2, "Did you mean batch"),
        (["train", "gan", "--data", "mnist5k", "--set", "batch", "--out", "x"], 2, "KEY=VALUE"),
        (["transfer", "dcgan.glyphs", "--data", "mnist5k", "--out", "x"], 2, "Did you mean dcgan.glyphs-sans32"),
        (
            ["transfer", "dcgan", "--data", "mnist5k", "--strategy", "decoder", "--out", "x"],
            2,
            "Did you mean decoder-init",
        ),
        (["transfer", "dcgan", "--data", "mnist5k"], 2, "--out"),
        (
            ["transfer", "dcgan", "--data", "mnist5k", "--strategy", "decoder-init, encoder-init", "--explain"],
            2,
            "Write decoder-init+encoder-init.",
        ),
        (
            ["transfer", "dcgan", "--data", "mnist5k", "--set", "discriminator_lr=fast", "--explain"],
            2,
            "Give discriminator_lr as a number; by default 0.001.",
        ),
        (["sample", "runs/nothing", "-o", "x.png"], 1, "there is no folder runs/nothing"),
        (["sample", ".", "-o", "x.png"], 1, "no zoo.json and no recipe.toml"),
        (["encode", "dcgan", "--data", "nothing/", "-o", "x.npz"], 1, "there is no folder"),
        (["info", "dcgn", "--component"], 2, "Did you mean dcgan"),
        (["components", "encodr"], 2, "Did you mean encoder"),
        (["resume", "nowhere"], 2, "holds no run"),
        (["verify", "nowhere"], 2, "there is no model"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_a_line_or_two_with_the_right_code(  # type: ignore[no-untyped-def]
    words: list[str], code: int, text: str, run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*words)
    assert (done.code, text in done.err) == (code, True), done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_and_one_without_images_are_refused(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.png").write_text("not an image")
    for name in ("empty", "text"):
        done = run("train", "gan", "--data", tmp_path / name, "--shape", "1,8,8", "--out", tmp_path / "run")
        assert done.code == 1
        assert "error: folder" in done.err
        assert not (tmp_path / "run").exists()


def test_unreadable_images_are_told_and_strict_refuses_them(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(20):
        Image.fromarray(rng.integers(0, 255, (12, 9, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG")
    words = ("train", "gan", "--data", folder, "--shape", "3,8,8", "--images", 16, "--batch", 8, "--generator", "mlp")
    done = run(*words, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    assert "broken.png" in done.err
    done = run(*words, "--strict", "--out", tmp_path / "strict")
    assert done.code == 1
    assert "1 of 21 files" in done.err


def test_an_autoencoder_alone_draws_no_samples(run, images_file: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    words = ["--data", images_file, "--images", "16", "--out", tmp_path / "run", "--set", "encoder.width=4"]
    assert run("train", "autoencoder", "--encoder", "dcgan", *words).code == 0
    done = run("sample", tmp_path / "run", "-o", tmp_path / "x.png")
    assert done.code == 2
    assert "holds no GAN" in done.err
    assert f"zoo transfer {tmp_path / 'run'}" in done.err
    assert f"zoo transfer {tmp_path / 'run'}" in run("evaluate", tmp_path / "run", "--data", images_file).err


def test_lists_come_as_tables_names_and_json(run) -> None:  # type: ignore[no-untyped-def]
    assert "dcgan.glyphs-sans32" in run("list").out
    assert "* dcgan alone means this one" in run("list").out
    misfits = run("list", "--fits", "dcgan.glyphs-sans32").out
    assert "a strategy puts it around another generator" in misfits
    assert "missing required field" not in misfits
    assert "dcgan.glyphs-sans32" in run("list", "dcgan.*", "--quiet").out.splitlines()
    shapes = {model["name"]: model["data"]["shape"] for model in run("list", "--json").json}
    assert shapes["dcgan.glyphs-sans32"] == [1, 32, 32]
    assert "transfer/decoder-init" in run("components", "transfer", "--quiet").out.splitlines()
    assert {plugin["stage"] for plugin in run("plugins", "list", "--json").json} == {"ready"}
    assert "width" in run("info", "dcgan/dcgan", "--component").out
