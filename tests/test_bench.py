"""Suites: what runs they hold, that a stopped one goes on, that the table and the statistics are right."""

from __future__ import annotations

import itertools
import json
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from scipy import stats
from zoo_bench.cluster import Cluster
from zoo_bench.compare import compare
from zoo_bench.results_page import store
from zoo_bench.scheduler import Progress, run_suite, tuned_settings
from zoo_bench.single_run import read_result, run_one
from zoo_bench.statistics import Crossing, bootstrap_interval, crossing, holm, iqm, log_mean, paired_p, restricted_mean
from zoo_bench.suite import Suite, final_runs, read_suite, source_runs, training_of, trial_runs, write_suite
from zoo_bench.table import Row, read_table, write_table

from zoo.cli import zoo
from zoo.config import from_plain
from zoo.data.open import open_images
from zoo.data.split import select_images
from zoo.errors import ConfigError, DataError
from zoo.training.recipe import read_recipe
from zoo.types import Event, Selection

TINY: dict[str, Any] = {
    "name": "tiny",
    "seeds": [0, 1],
    "data": {},
    "architectures": {"dcgan4": {"encoder": {"component": "dcgan", "config": {"width": 4}}, "code_shape": 8}},
    "autoencoders": {"glyphs": {"data": "glyphs", "training": {"images": 128}, "seeds": [5, 6], "targets": ["digits"]}},
    "training": {"images": 128, "batch": 32},
    "measuring": {"samples": 20, "points": 3, "first": 32},
    "arms": {
        "scratch": {"data": ["digits"]},
        "transfer": {"strategy": "decoder-init+encoder-init"},
        "shuffled": {"strategy": "shuffled-init+decoder-init+encoder-init", "like": "transfer", "seeds": [0]},
    },
    "tuning": {
        "data": "digits",
        "arms": ["scratch", "transfer"],
        "images": 64,
        "grid": {"learning_rate": [1e-3, 2e-3], "gamma": [0.5]},
    },
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two sets of squares, bright and dark."""
    folder = tmp_path_factory.mktemp("squares")
    rng = np.random.default_rng(0)
    for name, level in (("digits", 255), ("glyphs", 120)):
        images = np.zeros((100, 8, 8), np.uint8)
        for image, (row, column) in zip(images, rng.integers(0, 5, (100, 2)), strict=True):
            image[row : row + 3, column : column + 3] = level
        np.savez(folder / f"{name}.npz", images=images)
    return {name: {"source": str(folder / f"{name}.npz")} for name in ("digits", "glyphs")}


@pytest.fixture(scope="module")
def tiny(files: dict[str, Any]) -> Callable[..., Suite]:
    def make(**changes: Any) -> Suite:
        return from_plain(Suite, json.loads(json.dumps({**TINY, "data": files, **changes})), "tiny")

    return make


class Here(Executor):
    """Runs in this process, at once."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


@pytest.fixture(scope="module")
def finished(tiny: Callable[..., Suite], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bench")
    run_suite(tiny(), root, executor=Here())
    return root


def test_a_suite_lists_every_combination_once_and_pairs_the_seeds(tiny: Callable[..., Suite]) -> None:
    suite = tiny()
    specs = final_runs(suite, {})
    assert len({spec.id for spec in specs}) == len(specs)
    assert [(c.arm, c.seed, c.autoencoder_seed) for c in specs] == [
        ("scratch", 0, None),
        ("transfer", 0, 5),
        ("shuffled", 0, 5),
        ("scratch", 1, None),
        ("transfer", 1, 6),
    ]
    assert [spec.seed for spec in source_runs(suite)] == [5, 6]


def test_every_tuned_arm_gets_the_same_trials(tiny: Callable[..., Suite]) -> None:
    suite = tiny(
        tuning={**TINY["tuning"], "grid": {"learning_rate": [1e-3, 2e-3, 4e-3], "batch": [16, 32]}, "trials": 4}
    )
    trials = trial_runs(suite)
    by_arm = {arm: [dict(c.settings) for c in trials if c.arm == arm] for arm in ("scratch", "transfer")}
    assert by_arm["scratch"] == by_arm["transfer"]
    assert len(by_arm["scratch"]) == 4
    assert {spec.seed for spec in trials}.isdisjoint(suite.seeds)


def test_settings_of_a_trial_reach_both_sides_and_the_regulariser(tiny: Callable[..., Suite]) -> None:
    suite = tiny()
    training = training_of(suite, trial_runs(suite)[1])
    assert (training["generator_lr"], training["discriminator_lr"], training["images"]) == (2e-3, 2e-3, 64)
    assert training["regulariser"]["config"] == {"gamma": 0.5}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": {"scratch": {"strategy": "decoder-init", "data": ["digit"]}}, "tuning": None}, "names .digit."),
        ({"autoencoders": {"a": {}}}, "a release or data"),
        (
            {"autoencoders": {"a": {"release": "dcgan.mnist5k"}, "glyphs": {"data": "glyphs", "begin": "a"}}},
            "begins with a, which itself is a release",
        ),
        (
            {"autoencoders": {"a": {"data": "glyphs", "begin": "b"}, "b": {"data": "glyphs", "begin": "a"}}},
            "begins with b, which itself begins with a",
        ),
        ({"training": {"imagse": 3}}, "imagse"),
        ({"data": {"a/b": {"source": "mnist5k"}}}, "cannot name"),
        ({"tuning": {**TINY["tuning"], "grid": {"learning_rates": [1.0]}}}, "learning_rates"),
        ({"format": 2}, "format 2"),
    ],
)
def test_a_wrong_suite_is_refused_before_anything_runs(
    tiny: Callable[..., Suite], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny(**changes)


def test_a_suite_file_is_the_suite(tiny: Callable[..., Suite], tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_bytes(write_suite(tiny()))
    assert read_suite(tmp_path / "suite.toml") == read_suite(tmp_path / "suite.toml")
    assert write_suite(read_suite(tmp_path / "suite.toml")) == write_suite(tiny())


def test_measurements_are_spaced_in_their_logarithm_from_start_to_end(tiny: Callable[..., Suite]) -> None:
    at = tiny(measuring={"samples": 20, "points": 5, "first": 100}).measuring.at(1600)
    assert at == (0, 100, 200, 400, 800, 1600)


# ---------------------------------------------------------------- selections


def test_tuning_sees_no_held_out_row() -> None:
    whole = open_images("mnist5k", shape=(1, 8, 8))
    part = select_images(whole, Selection(tuning=True))
    assert len(part) == len(whole.train)
    assert torch.equal(part.pixels, whole.pixels[whole.train])
    assert len(part.held_out) == round(0.2 * len(part))
    assert torch.equal(select_images(whole, Selection(tuning=True)).train, part.train)


def test_fewer_rows_to_learn_from_keep_every_held_out_row() -> None:
    whole = open_images("mnist5k", shape=(1, 8, 8))
    part = select_images(whole, Selection(learn_from=50, classes=(1, 2)))
    assert part.labels is not None
    assert whole.labels is not None
    assert set(part.labels.tolist()) == {1, 2}
    assert len(part.train) == 50
    assert len(part.held_out) == torch.isin(whole.labels[whole.held_out], torch.tensor([1, 2])).sum()
    with pytest.raises(DataError, match="class 11"):
        select_images(whole, Selection(classes=(11,)))


# ---------------------------------------------------------------- running


def test_a_suite_fills_a_table_with_every_run_its_cost_and_its_recipe(finished: Path) -> None:
    rows = read_table(finished / "table.csv")
    assert {row.stage for row in rows} == {"autoencoder", "trial", "final"}
    finals = [row for row in rows if row.stage == "final"]
    assert {(row.arm, row.seed) for row in finals} == {
        *itertools.product(("scratch", "transfer"), (0, 1)),
        ("shuffled", 0),
    }
    assert {row.metric for row in finals} == {"kid", "fid", "precision", "recall"}
    assert {row.images for row in finals} == {0, 32, 64, 128}
    for row in finals:
        recipe = read_recipe(finished / "recipes" / f"{row.recipe[:16]}.toml")
        assert recipe.seed == row.seed
        assert (row.source_cpu_seconds is not None) == (row.arm != "scratch")
    costs = [row.cpu_seconds for row in finals if (row.arm, row.seed, row.metric) == ("transfer", 0, "kid")]
    assert costs == sorted(costs)
    assert 0 < costs[0] < costs[-1]
    assert write_table(rows) == (finished / "table.csv").read_bytes()


def test_tuned_settings_are_used_by_the_finals_and_by_controls_like_them(
    tiny: Callable[..., Suite], finished: Path
) -> None:
    chosen = tuned_settings(tiny(), finished)
    rows = [row for row in read_table(finished / "table.csv") if row.stage == "final"]
    for row in rows:
        assert row.tuned == chosen["dcgan4", "transfer" if row.arm == "shuffled" else row.arm]


def test_a_finished_suite_repeats_nothing(tiny: Callable[..., Suite], finished: Path) -> None:
    before = (finished / "table.csv").read_bytes()

    class Never(Executor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            raise AssertionError("a finished run was begun again")

    seen: list[Progress] = []
    run_suite(tiny(), finished, executor=Never(), watch=seen.append)
    assert (finished / "table.csv").read_bytes() == before
    assert seen[-1].images == seen[-1].total_images


def test_a_suite_that_was_killed_goes_on_and_ends_the_same(
    tiny: Callable[..., Suite], finished: Path, tmp_path: Path
) -> None:
    suite = tiny(training={**TINY["training"], "checkpoint_every": 64}, tuning=None, seeds=[0])
    spec = final_runs(suite, {})[0]

    def kill(event: Event) -> None:
        if event.kind == "tick" and event.shown > 64:
            raise SystemExit

    with pytest.raises(SystemExit):
        run_one(suite, tmp_path / "killed", spec, watch=[kill])
    assert read_result(tmp_path / "killed", spec) is None
    result = run_one(suite, tmp_path / "killed", spec)
    whole = run_one(suite, tmp_path / "whole", spec)
    assert [at["metrics"] for at in result.measured] == [at["metrics"] for at in whole.measured]
    assert all(at["cost"]["cpu"] > 0 for at in result.measured)
    began = [json.loads(line) for line in (tmp_path / "killed" / spec.id / "run" / "events.jsonl").open()]
    assert [event["shown"] for event in began if event["kind"] == "start"] == [0, 64]


def test_an_edited_suite_does_not_mix_with_old_runs(tiny: Callable[..., Suite], finished: Path) -> None:
    with pytest.raises(ConfigError, match="other settings"):
        run_suite(tiny(training={"images": 96, "batch": 32}, seeds=[0, 1, 2]), finished, executor=Here())


def test_the_report_is_made_from_the_table_alone(finished: Path, tmp_path: Path) -> None:
    page = store([finished], tmp_path / "results")
    text = page.read_text()
    assert (tmp_path / "results" / "tiny" / "digits-dcgan4-kid.png").is_file()
    assert "| transfer | 2 |" in text
    again = store([tmp_path / "results" / "tiny"], tmp_path / "results")
    assert again.read_text() == text


def test_the_command_lists_the_runs_and_makes_none(tiny: Callable[..., Suite], tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_bytes(write_suite(tiny()))
    words = ["bench", str(tmp_path / "suite.toml"), "--out", str(tmp_path / "out"), "--dry-run", "--json"]
    done = CliRunner().invoke(zoo, words)
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.output)) == 2 + 4 + 5
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_a_suite_whose_processes_were_killed_goes_on(tiny: Callable[..., Suite], tmp_path: Path) -> None:
    """SIGKILL of the command: its worker ends too, and the next call repeats no finished run."""
    (tmp_path / "suite.toml").write_bytes(write_suite(tiny()))
    out = tmp_path / "out"
    words = [sys.executable, "-m", "zoo", "bench", str(tmp_path / "suite.toml"), "--out", str(out), "--quiet"]
    command = subprocess.Popen(words)
    until = time.monotonic() + 300
    while len(list(out.glob("**/result.json"))) < 3 and time.monotonic() < until:
        time.sleep(0.2)
    worker = int(subprocess.check_output(["pgrep", "-P", str(command.pid), "-f", "spawn_main"]).split()[0])
    command.kill()
    command.wait()
    while Path(f"/proc/{worker}").exists() and time.monotonic() < until:
        time.sleep(0.2)
    before = {path: path.stat().st_mtime_ns for path in out.glob("**/result.json")}
    subprocess.run(words, check=True)
    assert len(list(out.glob("**/result.json"))) == 11
    assert all(path.stat().st_mtime_ns == at for path, at in before.items())
    assert len({(row.stage, row.arm, row.seed, row.trial) for row in read_table(out / "table.csv")}) == 11


@pytest.mark.parametrize(("address", "message"), [("10.0.0.5", "HOST:PORT"), ("127.0.0.1:1", "nobody listens")])
def test_a_wrong_cluster_is_refused_at_once(address: str, message: str) -> None:
    pytest.importorskip("ray")
    with pytest.raises(ConfigError, match=message):
        Cluster(address)


@pytest.mark.long
def test_a_ray_cluster_makes_the_same_runs(tiny: Callable[..., Suite], finished: Path, tmp_path: Path) -> None:
    """A head of its own on this machine, with the token that Ray asks for."""
    pytest.importorskip("ray")
    environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64, "RAY_USAGE_STATS_ENABLED": "0"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    (tmp_path / "suite.toml").write_bytes(write_suite(tiny()))
    out = tmp_path / "out"
    words = ["start", "--head", "--block", f"--port={address.rpartition(':')[2]}", "--num-cpus=2"]
    head = subprocess.Popen([Path(sys.executable).parent / "ray", *words, "--include-dashboard=false"], env=environment)
    try:
        command = [sys.executable, "-m", "zoo", "bench", str(tmp_path / "suite.toml"), "--out", str(out), "--quiet"]
        until = time.monotonic() + 300
        while True:
            done = subprocess.run([*command, "--ray", address], env=environment, capture_output=True, text=True)
            if done.returncode == 0 or "nobody listens" not in done.stderr or time.monotonic() > until:
                break
        assert done.returncode == 0, done.stderr
    finally:
        head.terminate()
        head.wait()
    here, there = (
        [(r.arm, r.seed, r.trial, r.images, r.metric, r.value) for r in read_table(folder / "table.csv")]
        for folder in (finished, out)
    )
    assert [row[:5] for row in here] == [row[:5] for row in there]
    assert [row[5] for row in here] == pytest.approx([row[5] for row in there], rel=1e-3)


# ---------------------------------------------------------------- statistics


def row(arm: str, seed: int, images: int, value: float, **changes: Any) -> Row:
    return Row(
        **{
            "stage": "final", "data": "d", "architecture": "a", "arm": arm, "strategy": "", "autoencoder": "",
            "autoencoder_seed": None, "seed": seed, "trial": None, "settings": "", "status": "done", "images": images,
            "metric": "kid", "value": value, "low": None, "high": None, "floor": 0.0, "n": 10, "reference": 10,
            "extractor": "x", "cpu_seconds": images / 10, "wall_seconds": 0.0, "source_images": None,
            "source_cpu_seconds": None, "source_wall_seconds": None, "recipe": "",
            **changes,
        }
    )  # fmt: skip


def test_shares_count_the_autoencoder_where_it_says_so() -> None:
    """Scratch is best (0.1) at 100 images, 10 s; the arm stays below from 20 images, 2 s, after 3 s of autoencoder."""
    rows = []
    for seed in (0, 1, 2):
        for images, ours, theirs in ((0, 5.0, 1.0), (10, 2.0, 0.5), (20, 1.0, 0.1), (50, 0.4, 0.05), (100, 0.1, 0.04)):
            rows.append(row("scratch", seed, images, ours))
            rows.append(row("arm", seed, images, theirs, autoencoder="ae", source_cpu_seconds=3.0))
            for metric in ("fid", "recall", "precision"):
                rows.append(row("scratch", seed, images, 0.5, metric=metric))
                rows.append(row("arm", seed, images, 0.5, metric=metric, autoencoder="ae", source_cpu_seconds=3.0))
    (found,) = compare(rows)
    assert (found.baseline_best, found.baseline_images, found.baseline_cpu) == (0.1, 100, 10)
    scratch, arm = found.arms
    reach = arm.times_to_threshold[0]
    assert (reach.images, reach.images_share) == (20, 0.2)
    assert (reach.cpu_share, reach.cpu_with_source_share) == (pytest.approx(0.2), pytest.approx(0.5))
    assert arm.gain == pytest.approx(2.5)
    assert arm.p == 0.25  # three pairs, all the same way
    assert scratch.times_to_threshold[0].reached == 0  # it is there once, not three times in a row
    assert math.isinf(scratch.times_to_threshold[0].images)
    assert scratch.times_to_threshold[0].mean_images == 100


def test_a_threshold_counts_when_it_holds_for_three_measurements() -> None:
    points = [(1, 5.0), (2, 0.9), (3, 2.0), (4, 0.9), (5, 1.0), (6, 0.5), (7, 3.0)]
    assert crossing(points, 1.0) == Crossing(4, True)
    assert crossing(points[:-2], 1.0) == Crossing(5, False)
    assert crossing(points, 1.0, consecutive=1) == Crossing(2, True)


def test_a_run_that_never_got_there_counts_as_under_way() -> None:
    reached = [Crossing(2, True), Crossing(4, True)]
    assert restricted_mean(reached, 10) == pytest.approx(3)
    assert restricted_mean([*reached, Crossing(10, False)], 10) == pytest.approx((2 + 4 + 10) / 3)
    # lost after 3: of the two at risk then, one got there at 4
    assert restricted_mean([Crossing(3, False), *reached], 10) == pytest.approx(2 + 2 * 2 / 3)


def test_statistics_equal_scipys() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=9).tolist()
    assert iqm(values) == pytest.approx(stats.trim_mean(values, 0.25))
    expected = stats.permutation_test(
        (np.array(values), np.zeros(9)),
        lambda x, y, axis: (x - y).mean(axis),
        permutation_type="samples",
        vectorized=True,
    )
    assert paired_p(values) == pytest.approx(expected.pvalue)
    assert paired_p([1, 2, 3, 4, 5]) == 2 / 32
    many = (rng.normal(size=40) + 0.2).tolist()
    assert paired_p(many) == pytest.approx(stats.ttest_1samp(many, 0).pvalue, abs=0.02)
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    low, high = bootstrap_interval([values])
    by_scipy = stats.bootstrap(
        (values,), lambda x, axis: stats.trim_mean(x, 0.25, axis=axis), method="percentile", random_state=0
    ).confidence_interval
    assert (low, high) == pytest.approx((by_scipy.low, by_scipy.high), abs=0.15)


def test_the_area_under_the_log_curve_is_a_mean_of_logarithms() -> None:
    assert log_mean([(0, 9.0), (10, 0.1), (100, 0.1), (1000, 0.1)], 1e-3) == pytest.approx(0.1)
    assert log_mean([(1, 1.0), (math.e**2, math.exp(-2))], 1e-3) == pytest.approx(math.exp(-1))
    assert log_mean([(1, -0.5), (10, -0.5)], 1e-3) == pytest.approx(1e-3)
