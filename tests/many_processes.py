"""Runs of several strategies one after the other, for `torchrun -m`: every process gets the same arguments.

python -m torch.distributed.run --standalone --nproc_per_node 2 tests/many_processes.py IMAGES OUT KIND...
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from helpers import autoencoder

import zoo
from zoo._utils import distributed
from zoo.types import PartSpec

SMALL = {"batch": 16, "checkpoint_every": 48, "sample_every": 1_000, "images": 64}


STEERED: dict[str, dict[str, Any]] = {
    "scratch": {"augment": "colour+translation+cutout"},
    "warming": {"images": 480, "checkpoint_every": 160},
    "adapting": {
        "augment": "translation+ada",
        "augment_probability": "adaptive",
        "augment_images": 1_000,
        "images": 480,
        "checkpoint_every": 160,
    },
    "reconstructing": {"regulariser": PartSpec("fastgan/reconstruction", {"width": 4, "norm": "group", "interval": 2})},
}
"""Settings of the kinds that need their own."""

VQGAN = PartSpec("vqgan", {"discriminator": {"component": "patch", "config": {"layers": 1, "width": 4}}, "start": 32})


def start(kind: str, data: str, arch: str = "dcgan") -> Any:
    """A model of each kind that can be trained: `autoencoder`, `autoencoder:OBJECTIVE`, `dropout:...`, which prints the
    masks of D, or a strategy."""
    source = autoencoder(arch, seed=3)
    if kind.startswith("autoencoder"):
        return source
    if kind in ("scratch", "adapting", "reconstructing"):
        return zoo.gan(like=source)
    if kind == "began":
        energy = PartSpec("energy", {"objective": "began"})
        return zoo.transfer(source, strategy=[energy], data=data)
    if kind == "warming":
        warm = PartSpec("decoder-init", {"warmup_images": 4_000, "warmup_accuracy": 0.6, "ramp_images": 128})
        return zoo.transfer(source, strategy=[warm], data=data)
    if kind.startswith("dropout"):
        gan = zoo.gan("mlp", PartSpec("mlp", {"widths": [16], "dropout": 0.5}), shape=source.data.shape, code_shape=6)
        layer = next(part for part in gan.discriminator.modules() if isinstance(part, torch.nn.Dropout))
        layer.register_forward_hook(lambda net, given, out: print("mask", _bits(out != 0), file=sys.stderr))
        return gan
    if kind == "drifting":
        gan = zoo.gan(like=source)
        gan.generator.register_forward_pre_hook(lambda net, given: _drift(net))
        return gan
    if kind == "full":
        gan = zoo.gan(like=source)
        seen: list[int] = []
        gan.generator.register_forward_pre_hook(lambda net, given: _fill(net, len(given[0]), seen))
        return gan
    return zoo.transfer(source, strategy=kind, data=data)


def _bits(mask: torch.Tensor) -> str:
    return "".join(str(int(bit)) for bit in mask.flatten())


def _drift(net: torch.nn.Module) -> None:
    with torch.no_grad():
        next(net.parameters()).add_(distributed.rank())


def _fill(net: torch.nn.Module, images: int, seen: list[int]) -> None:
    """The second process holds 4 images of a step, from the third step on."""
    if net.training and int(os.environ["RANK"]) == 1 and images > 4:
        seen.append(images)
        if len(seen) > 2:
            raise MemoryError


def settings(kind: str) -> dict[str, Any]:
    """The training of that kind; penalties that draw random numbers are among them."""
    objective = kind.partition(":")[2]
    if kind.startswith("autoencoder"):
        return SMALL | {"objective": VQGAN if objective == "vqgan" else objective or "vae"}
    return SMALL | STEERED.get(kind, {})


def run(kind: str, data: str, out: Path, **engine: Any) -> Any:
    """Train that kind into its folder of `out`."""
    training = settings(kind)
    return zoo.train(start(kind, data), data, out=out / kind.replace(":", "-"), training=training, engine=engine)


def together(images: Path, out: Path, *kinds: str) -> list[subprocess.CompletedProcess[str]]:
    """Two processes that train each kind."""
    return in_two_processes(__file__, str(images), str(out), *kinds)


def in_two_processes(*words: str) -> list[subprocess.CompletedProcess[str]]:
    """Python twice, with the environment that torchrun gives its own."""
    tests = Path(__file__).parent
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    shared |= {"PYTHONPATH": str(tests), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *words]
    processes = [
        subprocess.Popen(
            command, env={**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank}, stderr=subprocess.PIPE, text=True
        )
        for rank in ("0", "1")
    ]
    errors = [process.communicate()[1] for process in processes]
    return [
        subprocess.CompletedProcess(command, process.returncode, None, error)
        for process, error in zip(processes, errors, strict=True)
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    images, out, *kinds = sys.argv[1:]
    for kind in kinds:
        run(kind, images, Path(out), device="cpu")
