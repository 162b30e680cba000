"""Registry files and small releases whose weights are a few bytes: nothing loads them."""

from __future__ import annotations

from pathlib import Path

from zoo.release.folder import pin_file
from zoo.release.manifest import Manifest, PartEntry
from zoo.types import DataSpec

PIN = "sha256:" + "0" * 64
FACTS = {
    "version": '"1.0.0"',
    "source": '"dir:nowhere"',
    "manifest": f'"{PIN}"',
    "parts": '["autoencoder"]',
    "data": '{ shape = [1, 32, 32], kind = "image" }',
    "code_shape": "[64]",
    "license": '"CC-BY-SA-3.0"',
}


def table(name: str, /, **changes: str) -> str:
    lines = [f"{key} = {value}" for key, value in {**FACTS, **changes}.items() if value]
    return f'[models."{name}"]\n' + "\n".join(lines) + "\n"


def write(path: Path, *tables: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("format = 1\n" + "\n".join(tables))
    return path


def manifest(name: str = "mlp.test", version: str = "1.0.0") -> tuple[Manifest, dict[str, bytes]]:
    data = b"weights"
    pin = pin_file(data)
    parts = {
        role: PartEntry(role, f"mlp/{role}", "zoo-mlp==0.1.0", {}, f"{role}.safetensors", pin.sha256, pin.size, 1)
        for role in ("encoder", "bottleneck", "decoder")
    }
    facts = Manifest(name, version, "CC-BY-SA-3.0", DataSpec((1, 32, 32)), (64,), parts)
    return facts, {part.file: data for part in parts.values()}
