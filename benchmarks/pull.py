"""`zoo pull` beside the client's own `snapshot_download` of the same repository, on a Hub on this machine.

    python benchmarks/pull.py --megabytes 60 --rounds 3

Both run in processes of their own on empty caches, in turn; what is compared is the whole process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import zoo
from zoo.hub.serve import open_folder
from zoo.manifest import Manifest, PartEntry
from zoo.release import pin_file, write_release
from zoo.specs import DataSpec, PartSpec
from zoo.tensors import pack


def release(folder: Path, megabytes: int) -> Path:
    """An autoencoder of about that size, without a card or test vectors."""
    width = int((256**2 + megabytes * 1e6 / 4) ** 0.5 - 256)
    widths = [width, width // 2]
    parts = PartSpec("mlp", {"widths": widths}), PartSpec("mlp", {"widths": widths[::-1]})
    model = zoo.autoencoder(*parts, shape=(1, 16, 16), latent_dim=64)
    files, entries = {}, {}
    for role, module in model.parts.items():
        name = f"{role}.safetensors"
        files[name] = pack(module.state_dict(), {"role": role})
        pin, spec = pin_file(files[name]), model.specs[role]
        plugin = "zoo-mlp==0.1.0" if "mlp" in spec.component else "aegan-zoo==0.1.0"
        entries[role] = PartEntry(role, spec.component, plugin, dict(spec.config), name, pin.sha256, pin.size, 1)
    write_release(folder, Manifest("mlp.big", "1.0.0", "CC0-1.0", DataSpec((1, 16, 16)), 64, entries), files)
    return folder


def main() -> None:
    """Print the median seconds of both and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = release(Path(place) / "lab" / "mlp.big", given.megabytes)
        size = sum(path.stat().st_size for path in folder.iterdir())
        server, _ = open_folder(folder.parent, port=0)
        server.verbose = False
        download = "import huggingface_hub; huggingface_hub.snapshot_download('lab/mlp.big')"
        commands = {
            "snapshot_download": [sys.executable, "-c", download],
            "zoo pull": [sys.executable, "-m", "zoo", "pull", "hub:lab/mlp.big"],
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        with server:
            for turn in range(given.rounds):
                for name, command in commands.items():
                    home = str(Path(place) / f"{turn}-{name.replace(' ', '-')}")
                    env = {**os.environ, "HF_ENDPOINT": server.url, "HF_TOKEN": "hf_test_none", "HF_HOME": home}
                    env |= {"ZOO_CACHE": f"{home}/zoo", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"}
                    start = time.perf_counter()
                    subprocess.run(command, env=env, check=True, capture_output=True)
                    seconds[name].append(time.perf_counter() - start)
        medians = {name: statistics.median(values) for name, values in seconds.items()}
        for name, value in medians.items():
            print(f"{name:<20} {value:6.2f} s  {[round(one, 2) for one in seconds[name]]}")
        print(f"{size:,} bytes; ratio {medians['zoo pull'] / medians['snapshot_download']:.2f}")


if __name__ == "__main__":
    main()
