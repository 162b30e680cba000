"""Mistakes and accidents where two parts meet: each ends in one clear line, and nothing is lost or taken silently."""

from __future__ import annotations

import io
import json
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import click
import filelock
import numpy as np
import pytest
from helpers import SHAPE
from PIL import Image

import zoo
from zoo._utils import launch
from zoo.cli import main
from zoo.cli.progress import watching
from zoo.cli.train import _hint_on_interrupt
from zoo.errors import ConfigError, DataError, IntegrityError, RemoteError, TrainingError
from zoo.training.recipe import read_recipe
from zoo.training.run_dir import EVENTS, RunDirectory
from zoo.training.summary import summarise
from zoo.types import Event

SMALL = {"batch": 16, "checkpoint_every": 16, "sample_every": 64}
WIDTH = {"component": "dcgan", "config": {"width": 4}}


def fail(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """The exit code and what is said on stderr."""
    with pytest.raises(SystemExit) as done:
        main([str(word) for word in words])
    return int(done.value.code or 0), capsys.readouterr().err


def small_gan() -> Any:
    return zoo.gan(WIDTH, WIDTH, shape=SHAPE, code_shape=4)


@pytest.fixture
def run(images_file: Path, tmp_path: Path) -> Path:
    """A finished run of 16 images."""
    zoo.train(small_gan(), images_file, out=tmp_path / "run", images=16, training=SMALL)
    return tmp_path / "run"


@pytest.mark.parametrize("flag", ["--images", "--batch", "--every", "--code-shape"])
def test_zero_is_refused_and_not_taken_for_a_flag_left_out(
    flag: str, images_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--generator", "dcgan", "--discriminator", "dcgan", "--code-shape", "4", "--images", "16", "--batch", "8"]
    code, said = fail(capsys, "train", "gan", "--data", images_file, *words, flag, 0, "--out", tmp_path / "out")
    assert code == 2, said
    assert not (tmp_path / "out").exists()


def test_figures_of_an_autoencoder_are_refused_and_not_left_out(
    images_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--metric", "judge", "--out", tmp_path / "out"]
    code, said = fail(capsys, "train", "autoencoder", "--data", images_file, *words)
    assert code == 2
    assert "needs a GAN" in said


def test_a_new_run_from_an_old_one_leaves_the_run_in_its_folder_alone(run: Path, tmp_path: Path) -> None:
    """Its source and report would have been overwritten before the folder was refused."""
    other = tmp_path / "other"
    zoo.train(small_gan(), tmp_path / "blobs.npz", out=other, images=16, training=SMALL)
    for name in ("source.safetensors", "report.json"):
        (run / name).write_bytes(b"of the first run")
        (other / name).write_bytes(b"of the other run")
    for out in (other, run):
        before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
        with pytest.raises(ConfigError, match="already holds a run"):
            zoo.resume(run, override={"images": 32}, out=out)
        assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("wrong", [{"evaluation.metric": "nothing"}, {"engine.accumulate": 3}, {"threads": 0}])
def test_an_override_that_cannot_run_begins_no_run(wrong: dict[str, Any], run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        zoo.resume(run, override={"images": 32, **wrong}, out=tmp_path / "new")
    assert zoo.resume(run, override={"images": 32}, out=tmp_path / "new").shown == 32


def test_strict_outlives_a_stop(tmp_path: Path) -> None:
    """Else a file that breaks later would be skipped from the first resume on."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(12):
        Image.fromarray(np.full((8, 8), i, np.uint8)).save(folder / f"{i}.png")
    images = zoo.open_images(folder, stream=True, strict=True)
    zoo.train(small_gan(), images, out=tmp_path / "run", images=16, training=SMALL)
    assert read_recipe(tmp_path / "run" / "recipe.toml").data.strict
    again = zoo.open_run(tmp_path / "run").images
    (folder / "3.png").write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match="cannot be used"):
        again.batch(again.train), again.batch(again.held_out)


def test_what_a_launcher_left_in_the_environment_silences_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """RANK alone made every process a silent one, which wrote nothing and said nothing."""
    monkeypatch.setenv("RANK", "1")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert launch.is_rank_zero()
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert not launch.is_rank_zero()
    for nonsense in ("two", "0", "-1", ""):
        monkeypatch.setenv("WORLD_SIZE", nonsense)
        with pytest.raises(ConfigError, match="WORLD_SIZE"):
            launch.launched_world_size()


class Killed(Executor):
    """A pool whose process was killed while it made a run."""

    def __init__(self) -> None:
        self.broken = False

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self.broken:
            raise BrokenProcessPool("the pool is not usable any more")
        self.broken = True
        future: Future[Any] = Future()
        future.set_exception(BrokenProcessPool("a process ended abruptly"))
        return future


def test_a_suite_whose_process_was_killed_says_so(images_file: Path, tmp_path: Path) -> None:
    from zoo_bench.scheduler import run_suite
    from zoo_bench.suite import Suite

    from zoo.config import from_plain

    suite = from_plain(
        Suite,
        {
            "name": "tiny",
            "seeds": [0, 1],
            "data": {"blobs": {"source": str(images_file)}},
            "architectures": {"small": {"encoder": WIDTH, "code_shape": 4}},
            "training": {"images": 16, "batch": 8},
            "measuring": {"samples": 20, "points": 3, "first": 8},
            "arms": {"scratch": {"data": ["blobs"]}},
        },
        "tiny",
    )
    with pytest.raises(TrainingError, match="killed from outside") as caught:
        run_suite(suite, tmp_path / "out", executor=Killed())
    assert "fewer --workers" in caught.value.hint
    with filelock.FileLock(tmp_path / "out" / ".lock"), pytest.raises(ConfigError, match="another process is running"):
        run_suite(suite, tmp_path / "out", executor=Killed())


def test_brackets_in_names_are_printed_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    with watching() as titled:
        titled("[/nothing]")(Event("note", 0, 8, {"text": "from [/x] with [bold]"}))
    assert "[/nothing]: from [/x] with [bold]" in capsys.readouterr().err


def test_ctrl_c_promises_no_checkpoint_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(click.Abort, match="Nothing was trained"), _hint_on_interrupt(tmp_path):
        raise KeyboardInterrupt
    (tmp_path / "gan" / "checkpoints" / "000000000016").mkdir(parents=True)
    with pytest.raises(click.Abort, match=f"zoo resume {tmp_path / 'gan'}"), _hint_on_interrupt(tmp_path):
        raise KeyboardInterrupt


@pytest.mark.parametrize("text", ["seed = " + "9" * 5000, "name = " + "[" * 5000, "\0", "seed = 1\nseed = 2"])
def test_a_recipe_that_is_no_toml_is_refused(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "recipe.toml").write_text(text)
    code, said = fail(capsys, "train", tmp_path / "recipe.toml", "--out", tmp_path / "out")
    assert (code, "cannot be read as TOML" in said) == (2, True)


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b'{"kind": 3, "shown": 0}',
        b'{"kind": "tick"}',
        b"\xff\xfe",
        b"{",
        b'{"kind": "metrics", "shown": 0, "metrics": 7}',
        b'{"kind": "metrics", "shown": 0, "metrics": [{"name": "kid", "value": "low"}]}',
        b'{"kind": "metrics", "shown": 0, "metrics": [{"name": "kid", "value": 1, "interval": [1]}]}',
        b'{"kind": "tick", "shown": 0, "d_loss": "high", "images_per_second": 3}',
        b'{"kind": "tick", "shown": -1}',
    ],
)
def test_a_record_that_was_tampered_with_is_told_and_not_cut(line: bytes, run: Path) -> None:
    """The other events are used; a resumed run says which line it left out, and keeps the file as it was."""
    whole = (run / EVENTS).read_bytes()
    (run / EVENTS).write_bytes(line + b"\n" + whole)
    summary = summarise(run)
    assert (summary.state, summary.error) == ("finished", f"line 1 of {run / EVENTS} is not an event")
    zoo.resume(run)
    assert (run / f"{EVENTS}.damaged").read_bytes() == line + b"\n" + whole
    record = RunDirectory(run)
    assert [event["warning"] for event in record.events("warning")] == ["events"]
    assert [event["shown"] for event in record.events("checkpoint")] == [0, 16]
    assert not record.bad_lines()


def test_a_half_line_at_the_end_is_no_tampering(run: Path) -> None:
    with (run / EVENTS).open("ab") as file:
        file.write(json.dumps({"kind": "tick", "shown": 16}).encode()[:-4])
    assert summarise(run).state == "finished"
    assert list(RunDirectory(run).lines())[-1]["kind"] == "end"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device", "/somewhere/x.png"), "No space left on device (/somewhere/x.png)"),
        (MemoryError(), "memory ran out"),
        (RuntimeError("[gloo/transport/tcp/pair.cc:545] Read error: Connection reset by peer"), "the connection to"),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"), "memory ran out"),
    ],
)
def test_what_the_machine_lacks_is_no_bug_of_ours(
    error: Exception, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("zoo.cli.zoo.main", broken)
    code, told = fail(capsys, "list")
    assert code == 1
    assert told.startswith(f"error: {said}")
    assert told.count("\n") == 2
    assert "bug" not in told


def test_what_was_tampered_with_in_a_run_is_named(run: Path) -> None:
    (run / "report.json").write_text("nothing")
    with pytest.raises(IntegrityError, match=r"report\.json cannot be read"):
        _ = zoo.open_run(run).report


def test_the_best_by_a_figure_that_nothing_measures_is_refused() -> None:
    from zoo.training.recipe import EvaluationSection

    with pytest.raises(ConfigError, match="no figure that is measured"):
        EvaluationSection(best="kids")


def test_a_gallery_replaces_a_gallery_and_nothing_else(tmp_path: Path) -> None:
    from zoo_ui.gallery import gallery

    (tmp_path / "index.html").write_text("<h1>My pages</h1>")
    with pytest.raises(ConfigError, match="no gallery wrote it"):
        gallery(tmp_path, "nothing-*")
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
    (tmp_path / "index.html").unlink()
    assert gallery(tmp_path, "nothing-*") == gallery(tmp_path, "nothing-*")


@pytest.mark.parametrize("plain", [["runs", "show"], ["runs", "show", "--json"]])
def test_a_terminal_that_knows_ascii_alone_gets_question_marks(
    plain: list[str], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Curves are drawn with characters that it lacks."""
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="ascii"))
    with pytest.raises(SystemExit) as done:
        main([*plain, str(run)])
    assert not done.value.code
    assert str(run).encode() in written.getvalue()


def test_a_closed_output_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(SystemExit) as done:
        main(["list"])
    assert not done.value.code


def test_a_recipe_that_only_transfers_trains_a_gan_like_its_source() -> None:
    from zoo.data.config import DataConfig
    from zoo.training.recipe import GanSection, Recipe, TransferSection

    assert Recipe(DataConfig("mnist5k"), transfer=TransferSection("dcgan.glyphs-sans32")).gan == GanSection()


@pytest.mark.parametrize("address", ["nonsense", "http://[::1", "ftp://x", "http://", "http://x:y"])
def test_an_endpoint_that_is_no_address_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from zoo.cli.doctor_checks import diagnose
    from zoo.remote.search import search

    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(RemoteError, match="HF_ENDPOINT is"):
        search("digits")
    assert any("HF_ENDPOINT is" in problem.what for problem in diagnose().problems)
