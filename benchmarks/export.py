"""Exported pairs in onnxruntime against eager torch: images a CPU second of one thread, size, and loss of a precision.

    python benchmarks/export.py --write docs/appendix/export.md

For each bundled pair and precision the graphs prior and generator make batches of 64 images from noise; torch runs the
release's own prior and generator. Rounds take turns, and the median counts. `loss` is the largest and the relative
error of the generator over 2,000 codes, PSNR that of its images; KID is that of 2,000 images against the held-out
images of the release's data, with the same noise at every precision.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import torch
from torch import Tensor, nn
from zoo_export.choices import PRECISIONS
from zoo_export.export import written_graphs

import zoo
from zoo.metrics.evaluate import Reference, feature_space
from zoo.networks.gan import GAN
from zoo.types import DataSpec

PAIRS = {
    "dcgan.mnist5k": "mnist5k",
    "mlp.mnist5k": "mnist5k",
    "dcgan.glyphs-sans32": "glyphs-sans32",
    "dcgan.emoji-noto64": "emoji-noto64",
}
BATCH, COUNT = 64, 2_000
PAGE = """# Exported pairs

*Measurements. `python benchmarks/export.py --write docs/appendix/export.md` writes this page.*

[Graphs](../export.md) in onnxruntime against eager torch, on one thread: prior and generator make batches of 64 images
from noise. Both take turns, and the median CPU time of {rounds} rounds counts. *Times* is how many times as fast
onnxruntime is, with the prior and without. Errors are the generator's over 2,000 codes, in values of a range of 2. KID
is that of 2,000 images against the held-out images of the pair's data (`starter/judge`), from the same noise at every
precision. Versions: onnxruntime {runtime}, torch {torch}.

{table}

Fewer bits make files smaller; on this CPU they do not make them faster.
"""
COLUMNS = (
    *("pair", "precision", "generator, MB", "images / CPU s, onnxruntime", "images / CPU s, torch", "times"),
    *("generator alone, times", "largest error", "relative error", "PSNR, dB", "KID"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = [f"| {' | '.join(COLUMNS)} |", "|---|---|" + "---:|" * (len(COLUMNS) - 2)]
    for name, data in PAIRS.items():
        for row in rows_of(name, data, given.rounds):
            rows.append(row)
            print(row, flush=True)
    if given.write is not None:
        versions = {"runtime": onnxruntime.__version__, "torch": torch.__version__}
        given.write.write_text(PAGE.format(rounds=given.rounds, table="\n".join(rows), **versions), "utf-8")


def rows_of(name: str, data: str, rounds: int) -> list[str]:
    """A row for each precision of a pair."""
    release = zoo.load(name)
    assert release.gan is not None
    judge = judge_of(data, release.gan.data)
    noise, codes = release.gan.noise(COUNT, seed=1), release.gan.draw(COUNT, seed=1)
    assert noise is not None
    numbers = [part for part in noise if part.shape[1]]
    exact = release.gan.generate(codes)
    rows = []
    for precision in PRECISIONS:
        graphs = written_graphs(release, "onnx", precision, ["prior", "generator"], lambda line: None)
        prior, generator = (session(graphs.files[f"{role}.onnx"]) for role in ("prior", "generator"))
        few, z = [part[:BATCH] for part in numbers], codes[:BATCH]
        ours, theirs = in_turns(lambda: generator(prior(*few)), lambda: eager(release.gan, BATCH), rounds)  # noqa: B023
        alone, torchs = in_turns(lambda: generator(z), lambda: network(release.gan.generator, z), rounds)  # noqa: B023
        images, same_codes = generator(prior(*numbers)), generator(codes)
        error = same_codes - exact
        psnr = 20 * torch.log10(torch.tensor(2.0)) - 10 * torch.log10(error.square().mean())
        size = len(graphs.files["generator.onnx"]) / 1e6
        relative = float(error.norm() / exact.norm())
        kid = judge.measure(images)[0].value
        speed = f"{BATCH / ours:,.0f} | {BATCH / theirs:,.0f} | {theirs / ours:.2f} | {torchs / alone:.2f}"
        loss = f"{error.abs().max():.1e} | {relative:.1e} | {psnr:.0f} | {kid:.4f}"
        rows.append(f"| `{name}` | {precision} | {size:.2f} | {speed} | {loss} |")
    return rows


def judge_of(data: str, spec: DataSpec) -> Reference:
    """What measures KID against the held-out images."""
    return Reference(zoo.open_images(data, like=spec), feature_space("judge"), "starter/judge")


def session(graph: bytes) -> Callable[..., Tensor]:
    """A graph in onnxruntime, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    loaded = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in loaded.get_inputs()]

    def run(*inputs: Tensor) -> Tensor:
        given = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
        return torch.from_numpy(loaded.run(None, given)[0])

    return run


@torch.inference_mode()
def eager(gan: GAN, count: int) -> Tensor:
    """So many images in torch; `sample` draws its own numbers, as always."""
    return gan.generator(gan.prior.sample(count))


@torch.inference_mode()
def network(generator: nn.Module, codes: Tensor) -> Tensor:
    """The images of these codes in torch."""
    return generator(codes)


def in_turns(first: Callable[[], Tensor], second: Callable[[], Tensor], rounds: int) -> tuple[float, float]:
    """The median CPU seconds of each."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for which, action in enumerate((first, second)):
            start = time.process_time()
            action()
            times[which].append(time.process_time() - start)
    return statistics.median(times[0][2:]), statistics.median(times[1][2:])


if __name__ == "__main__":
    main()
