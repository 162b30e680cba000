"""The time of `zoo pull`, compared with the client's `snapshot_download` of the same repository from a local Hub.

    python benchmarks/pull.py --megabytes 60 --rounds 9

Both run in their own processes on empty caches, in alternating order. The whole process is timed, from its start to its
end; processor time is less affected by other work on the machine.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from side_by_side import argument_parser
from zoo_serve.folder import open_folder

import zoo
from zoo._utils.tensors import pack
from zoo.release.folder import pin_file, write_release
from zoo.release.manifest import Manifest, PartEntry
from zoo.types import DataSpec, PartSpec


def release(folder: Path, megabytes: float) -> Path:
    """An autoencoder of about that size, without a card or test vectors."""
    width = int((256**2 + megabytes * 1e6 / 4) ** 0.5 - 256)
    widths = [width, width // 2]
    parts = PartSpec("mlp", {"widths": widths}), PartSpec("mlp", {"widths": widths[::-1]})
    model = zoo.autoencoder(*parts, shape=(1, 16, 16), code_shape=64)
    files, entries = {}, {}
    for role, module in model.parts.items():
        name = f"{role}.safetensors"
        files[name] = pack(module.state_dict(), {"role": role})
        pin, spec = pin_file(files[name]), model.specs[role]
        plugin = "zoo-mlp==0.1.0" if "mlp" in spec.component else "aegan-zoo==0.1.0"
        entries[role] = PartEntry(role, spec.component, plugin, dict(spec.config), name, pin.sha256, pin.size, 1)
    write_release(folder, Manifest("mlp.big", "1.0.0", "CC0-1.0", DataSpec((1, 16, 16)), 64, entries), files)
    return folder


@dataclass(frozen=True, slots=True)
class Run:
    """The wall and processor seconds of one process."""

    wall: float
    processor: float


def run(command: list[str], env: dict[str, str]) -> Run:
    """Run to the end. Raises CalledProcessError."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=env, check=True, capture_output=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Run(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> None:
    """Print the medians of both and their ratio."""
    parser = argument_parser(__doc__, rounds=9)
    parser.add_argument("--megabytes", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = release(Path(place) / "lab" / "mlp.big", options.megabytes)
        size = sum(path.stat().st_size for path in folder.iterdir())
        server, _ = open_folder(folder.parent, port=0)
        server.verbose = False
        download = "import huggingface_hub; huggingface_hub.snapshot_download('lab/mlp.big')"
        commands = {
            "snapshot_download": [sys.executable, "-c", download],
            "zoo pull": [sys.executable, "-m", "zoo", "pull", "hub:lab/mlp.big"],
        }
        # both with compiled bytecode, as an installer leaves it
        shared = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        shared |= {"PYTHONPYCACHEPREFIX": f"{place}/bytecode", "HF_ENDPOINT": server.url, "HF_TOKEN": "hf_test_none"}
        shared |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"}
        runs: dict[str, list[Run]] = {name: [] for name in commands}
        with server:
            for turn in range(-1, options.rounds):  # the first round fills the caches of bytecode and disk
                for name in list(commands)[:: 1 if turn % 2 else -1]:
                    home = Path(place) / "home"
                    done = run(commands[name], {**shared, "HF_HOME": str(home), "ZOO_CACHE": str(home / "zoo")})
                    shutil.rmtree(home)
                    if turn >= 0:
                        runs[name].append(done)
        print("| way | seconds (median) | of all rounds | processor seconds (median) |\n|---|---:|---:|---:|")
        wall = {name: statistics.median(one.wall for one in done) for name, done in runs.items()}
        processor = {name: statistics.median(one.processor for one in done) for name, done in runs.items()}
        for name, done in runs.items():
            spread = f"{min(one.wall for one in done):.2f} to {max(one.wall for one in done):.2f}"
            print(f"| {name} | {wall[name]:.2f} | {spread} | {processor[name]:.2f} |")
    ratios = [ours.wall / theirs.wall for ours, theirs in zip(runs["zoo pull"], runs["snapshot_download"], strict=True)]
    print(f"\n{size:,} bytes, {options.rounds} rounds, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.")
    print(
        f"Ratio of the medians {wall['zoo pull'] / wall['snapshot_download']:.2f}, median of the rounds' ratios "
        f"{statistics.median(ratios):.2f}, of processor time "
        f"{processor['zoo pull'] / processor['snapshot_download']:.2f}."
    )


if __name__ == "__main__":
    main()
