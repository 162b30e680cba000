"""zoo runs: what became of each run, honestly; the same facts for people and for programs."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest
from helpers import autoencoder
from PIL import Image

import zoo
from zoo.cli import main
from zoo.report.plots import plot
from zoo.training.run_dir import RunDirectory
from zoo.training.summary import find_runs, summarise
from zoo.types import Event

SMALL = {"batch": 16, "checkpoint_every": 64, "sample_every": 64}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Run the program as `zoo WORDS`: exit code, stdout, stderr."""

    def call(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as done:
            main([str(word) for word in words])
        captured = capsys.readouterr()
        return done.value.code or 0, captured.out, captured.err  # type: ignore[return-value]

    return call


def train(images_file: Path, out: Path, **others: object) -> zoo.Run:
    model = zoo.gan(like=autoencoder("mlp", seed=3))
    return zoo.train(model, str(images_file), out=out, images=64, training=SMALL, **others)  # type: ignore[arg-type]


def measured(folder: Path, name: str, values: dict[int, float]) -> None:
    for shown, value in values.items():
        RunDirectory(folder).write(Event("metrics", shown, 64, {"metrics": [{"name": name, "value": value}]}))
    RunDirectory(folder).write(Event("end", 64, 64, {}))


def test_states_are_told_from_what_is_there(images_file: Path, tmp_path: Path) -> None:
    seen = []

    def watch(event: Event) -> None:
        seen.append(summarise(tmp_path / "one").state)
        if event.kind == "sample" and event.shown:
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        train(images_file, tmp_path / "one", watch=[watch])
    assert set(seen) == {"running"} or seen[-1] == "failed"
    failed = summarise(tmp_path / "one")
    assert (failed.state, failed.error) == ("failed", "RuntimeError: no more")

    def interrupt(event: Event) -> None:
        if event.kind == "tick":
            os.kill(os.getpid(), signal.SIGINT)

    model = zoo.gan(like=autoencoder("mlp", seed=3))
    with pytest.raises(KeyboardInterrupt):
        zoo.train(model, str(images_file), out=tmp_path / "two", images=10**6, training=SMALL, watch=[interrupt])
    assert summarise(tmp_path / "two").state == "stopped"
    assert train(images_file, tmp_path / "three").shown == 64
    assert summarise(tmp_path / "three").state == "finished"


def test_the_best_precision_is_the_highest_and_the_best_kid_the_lowest(images_file: Path, tmp_path: Path) -> None:
    train(images_file, tmp_path / "one")
    for name in ("kid", "precision", "coverage", "fid"):
        measured(tmp_path / "one", name, {16: 0.4, 32: 0.9, 48: 0.1})
    summary = summarise(tmp_path / "one")
    best = {name: summary.best_figure(name).value for name in summary.figures}  # type: ignore[union-attr]
    assert best == {"kid": 0.1, "precision": 0.9, "coverage": 0.9, "fid": 0.1}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the child is a fork")
def test_a_killed_run_is_running_until_it_is_dead(images_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train(images_file, folder)
    child = os.fork()
    if child == 0:
        with RunDirectory(folder).locked():
            RunDirectory(folder).write(Event("tick", 64, 96, {}))
            time.sleep(60)
        os._exit(0)
    try:
        while '"total": 96' not in (folder / "events.jsonl").read_text():
            time.sleep(0.01)
        assert summarise(folder).state == "running"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert summarise(folder).state == "died"


def test_a_run_of_another_machine_is_judged_by_its_last_word(images_file: Path, tmp_path: Path) -> None:
    folder = train(images_file, tmp_path / "run").folder
    path = folder / "events.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines() if '"end"' not in line]
    for when, state in ((lines[-1]["time"], "running"), ("2020-01-01T00:00:00+00:00", "silent")):
        others = [{**line, **({"host": "elsewhere"} if line["kind"] == "start" else {})} for line in lines]
        others[-1]["time"] = when
        path.write_text("".join(json.dumps(line) + "\n" for line in others))
        assert summarise(folder).state == state


def test_the_three_commands(run, images_file: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for name, values in (("plain", {16: 0.5, 64: 0.4}), ("quick", {16: 0.2, 64: 0.3})):
        train(images_file, tmp_path / "runs" / name, seed=len(values) + (name == "quick"))
        measured(tmp_path / "runs" / name, "kid", values)
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "recipe.toml").write_text("nonsense")
    (tmp_path / "runs" / "broken" / "events.jsonl").write_text("")
    _, listed, _ = run("runs", "ls", tmp_path / "runs")
    assert [line.split()[:2] for line in listed.splitlines()[1:]] == [
        ["broken", "unreadable"],
        ["plain", "finished"],
        ["quick", "finished"],
    ]
    assert "kid 0.2" in listed
    assert run("runs", "ls", tmp_path / "runs", "--quiet")[1].split() == [str(path) for path in find_runs(tmp_path)]
    rows = json.loads(run("runs", "ls", tmp_path / "runs", "--json")[1])
    assert rows[2]["best"] == {"name": "kid", "shown": 16, "value": 0.2}
    _, shown, _ = run("runs", "show", tmp_path / "runs" / "plain", "--png", tmp_path / "kid.png")
    assert "0.4 at 64, best 0.4 at 64" in shown
    with Image.open(tmp_path / "kid.png") as picture:
        assert picture.size[0] > 500
    both = (tmp_path / "runs" / "plain", tmp_path / "runs" / "quick")
    _, told, _ = run("runs", "compare", *both)
    assert "reaches 0.4 at" in told
    assert [line.split()[-1] for line in told.splitlines()[1:3]] == ["64", "16"]
    assert any(line.split() == ["seed", "2", "3"] for line in told.splitlines())
    facts = json.loads(run("runs", "compare", *both, "--json")[1])
    assert facts["settings"] == [{"key": "seed", "values": [2, 3]}]
    code, _, hint = run("runs", "show", both[0], "--figure", "kdi")
    assert (code, "Did you mean kid" in hint) == (2, True)


def test_a_plot_keeps_its_width_and_names_every_line() -> None:
    series = {"falling": [(0, 5.0), (10, 0.1)], "flat": [(0, 0.1), (10, 0.1)], "odd": [(5, float("nan"))]}
    lines = plot(series, xlabel="x", ylabel="y", width=60).plain.splitlines()
    assert max(map(len, lines)) <= 60
    assert sum(line.endswith("falling") for line in lines) == 1
    assert sum(line.endswith("flat") for line in lines) == 1
    with pytest.raises(zoo.ZooError, match="nothing to draw"):
        plot({}, xlabel="x", ylabel="y")
