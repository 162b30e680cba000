"""The plugins in examples/ as their authors and their readers have them: wheels, in environments of their own.

python .ci/strangers.py

Each passes the conformance kit in the author's environment, is trained with, and its model is released and pushed to a
Hub on this machine. A reader who has the core and zoo-mlp pulls it, is told which plugin is missing, installs that one,
and verifies the release. With uv an environment takes seconds; diffusers, which zoo-vae needs, is a small package.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plugins import ROOT, UV, Environment, build, call, step

BUNDLED = ("dcgan", "mlp", "serve", "transfer")
_SHORT = ("--data", "halves.npz", "--images", 64, "--batch", 16)
_VAE = ("--encoder", "vae/kl", "--decoder", "vae/kl", "--set", "encoder.width=8", "--set", "decoder.width=8")
RUNS: dict[str, tuple[object, ...]] = {
    "siren": ("train", "gan", *_SHORT, "--generator", "siren", "--discriminator", "mlp"),
    "timed": ("transfer", "ae", *_SHORT, "--strategy", "decoder-init+hold-generator"),
    "vae": ("train", "autoencoder", *_SHORT, *_VAE),
    "classes": (
        *("transfer", "ae", *_SHORT, "--strategy", "per-class-prior"),
        *("--generator", "joined", "--discriminator", "projection"),
    ),
}
"""How each plugin's model is trained. A model of `timed` is made with its strategy, and of parts of zoo-mlp."""
IMAGES = """
import numpy as np
labels = np.arange(64) % 2
images = np.random.default_rng(0).integers(0, 60, (64, 16, 16))
images[labels == 0, :, :8] += 180
images[labels == 1, :, 8:] += 180
np.savez("halves.npz", images=images.astype("uint8"), labels=labels)
"""


def main() -> None:
    """Every step, with the seconds it took."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        with step("wheels of the core, of some bundled plugins and of the examples"):
            core = build(ROOT, root)
            bundled = {name: build(ROOT / "plugins" / name, root) for name in BUNDLED}
            examples = {name: build(ROOT / "examples" / f"zoo-{name}", root) for name in RUNS}
        with step("two environments"):
            author = environment(root / "author", core, *bundled.values(), *examples.values())
            reader = environment(root / "reader", core, bundled["mlp"])
        author.run("-c", IMAGES)
        author.zoo("train", "autoencoder", *_SHORT, "--encoder", "mlp", "--code-shape", 8, "--out", "ae")
        with hub(author, root):
            for name, command in RUNS.items():
                with step(f"{name}: the kit"):
                    verdict = json.loads(author.zoo("plugins", "check", name, "--json"))
                    assert verdict["passed"], verdict
                    assert verdict["checks"] > 0, verdict
                with step(f"{name}: train, release and push; pull and verify elsewhere"):
                    author.zoo(*command, "--out", name)
                    author.zoo("release", name, f"{name}-release", "--license", "CC0-1.0", "--name", f"{name}.halves")
                    author.zoo("push", f"{name}-release", f"lab/{name}")
                    a_reader_verifies(reader, name, examples[name])


def environment(folder: Path, *wheels: Path) -> Environment:
    """A new environment with these wheels and what they need."""
    made = Environment(folder / "venv", folder / "work")
    made.work.mkdir(parents=True)
    call(*([UV, "venv", "--quiet"] if UV else [sys.executable, "-m", "venv"]), made.folder)
    made.install(*wheels)
    return made


def a_reader_verifies(reader: Environment, name: str, wheel: Path) -> None:
    """The release is pulled without the plugin, and verified with it; a strategy is not needed."""
    folder = reader.zoo("pull", "-q", f"hub:lab/{name}").strip()
    if name != "timed":
        told = reader.zoo("verify", folder, fails=True)
        assert f"It needs zoo-{name} 0.1.0, which Zoo does not vouch for" in told, told
        reader.install(wheel)
    told = reader.zoo("verify", folder)
    assert "every test vector is reproduced" in told, told


@contextmanager
def hub(author: Environment, root: Path) -> Iterator[None]:
    """`zoo serve` on this machine, which `zoo push` and `zoo pull` talk to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {
        "HF_ENDPOINT": f"http://127.0.0.1:{port}",
        "HF_TOKEN": "hf_strangers",
        "ZOO_SERVE_TOKEN": "hf_strangers",
        "HF_HOME": str(root / "hf"),
        "ZOO_CACHE": str(root / "cache"),
    }
    (root / "hub").mkdir()
    command = [author.python, "-m", "zoo", "serve", root / "hub", "--allow-push", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            while socket.socket().connect_ex(("127.0.0.1", port)):
                assert server.poll() is None, "the server ended"
                time.sleep(0.1)
            yield
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
