"""The time of `zoo.load`, compared with three other ways to load a model of about 25.6 million parameters.

    pip install pythae
    python benchmarks/load.py --rounds 11

All run in one process, in random order each round, from files in the disk's cache. Each gives a complete model in eval
mode, without a network connection.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from pull import release
from safetensors.torch import load_file, save_file
from side_by_side import argument_parser
from torch import nn

import zoo
from zoo._utils import tensors
from zoo.registry import load as pairs
from zoo.release import folder as release_module

_MEGABYTES = 100.6
_PIXELS = 158


def main() -> None:
    """Print a table of the medians, and the share of a load that is spent on integrity checks."""
    options = argument_parser(__doc__, rounds=11).parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        os.environ["ZOO_CACHE"] = f"{place}/cache"
        ways = {**_ours(Path(place)), **_timm(Path(place)), **_pythae(Path(place))}
        time.sleep(2.5)  # the hash cache skips files that were just written
        spent = _watch_integrity()
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        processor: dict[str, list[float]] = {name: [] for name in ways}
        integrity: dict[str, list[float]] = {name: [] for name in ways}
        sizes: dict[str, int] = {}
        rng = random.Random(0)
        for turn in range(-1, options.rounds):
            for name in rng.sample(sorted(ways), len(ways)):
                spent[0] = 0.0
                started, used = time.perf_counter(), time.process_time()
                modules = ways[name]()
                wall, used = time.perf_counter() - started, time.process_time() - used
                sizes[name] = sum(value.numel() for module in modules for value in module.parameters())
                del modules
                if turn >= 0:
                    seconds[name].append(wall)
                    processor[name].append(used)
                    integrity[name].append(spent[0] / wall)
        print("| way | million parameters | seconds (median) | of all rounds | processor seconds | integrity |")
        print("|---|---:|---:|---:|---:|---:|")
        for name in ways:
            spread = f"{min(seconds[name]):.3f} to {max(seconds[name]):.3f}"
            print(
                f"| {name} | {sizes[name] / 1e6:.1f} | {statistics.median(seconds[name]):.3f} | {spread} "
                f"| {statistics.median(processor[name]):.3f} | {100 * statistics.median(integrity[name]):.0f} % |"
            )
        print(f"\n{options.rounds} rounds, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.")


def _ours(place: Path) -> dict[str, Callable[[], list[nn.Module]]]:
    folder = release(place / "mlp.big", _MEGABYTES)
    specs = zoo.load(folder).autoencoder.specs  # type: ignore[union-attr]

    def load() -> list[nn.Module]:
        return [zoo.load(folder).autoencoder]  # type: ignore[list-item]

    def first() -> list[nn.Module]:
        for path in (place / "cache" / "checked").glob("*"):
            path.unlink()
        return load()

    def bare() -> list[nn.Module]:
        model = zoo.autoencoder(
            specs["encoder"], specs["decoder"], bottleneck=specs["bottleneck"], shape=(1, 16, 16), code_shape=64
        )
        for role, module in model.parts.items():
            module.load_state_dict(load_file(folder / f"{role}.safetensors"))
        return [model.eval()]

    return {"zoo.load, warm": load, "zoo.load, the first time": first, "load_file + load_state_dict": bare}


def _timm(place: Path) -> dict[str, Callable[[], list[nn.Module]]]:
    import timm

    file = place / "resnet50.safetensors"
    save_file(timm.create_model("resnet50").state_dict(), file)
    overlay = {"file": str(file)}
    return {
        "timm.create_model(pretrained, a local file)": lambda: [
            timm.create_model("resnet50", pretrained=True, pretrained_cfg_overlay=overlay).eval()
        ]
    }


def _pythae(place: Path) -> dict[str, Callable[[], list[nn.Module]]]:
    try:
        from pythae.models import VAE, AutoModel, VAEConfig
    except ImportError as error:
        print(f"without pythae: {error}\n")
        return {}
    VAE(VAEConfig(input_dim=(1, _PIXELS, _PIXELS), code_shape=64)).save(str(place / "pythae"))
    return {"pythae AutoModel.load_from_folder": lambda: [AutoModel.load_from_folder(str(place / "pythae")).eval()]}


def _watch_integrity() -> list[float]:
    """The seconds that loads spend on hashing, on headers and on the hash cache, from now on."""
    spent = [0.0]

    @contextmanager
    def counted() -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            spent[0] += time.perf_counter() - start

    def timed(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            with counted():
                return real(*arguments)

        return call

    real_cache = pairs.hash_cache

    @contextmanager
    def cache(folder: Path) -> Iterator[Any]:
        with ExitStack() as stack:
            with counted():
                checked = stack.enter_context(real_cache(folder))
            yield checked
            with counted():
                stack.close()

    release_module.sha256_of = timed(release_module.sha256_of)
    tensors.check_header = timed(tensors.check_header)
    pairs.hash_cache = cache
    return spent


if __name__ == "__main__":
    main()
