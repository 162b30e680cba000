"""`export.json`: what an export contains, where it comes from, and how far it is from the release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zoo.plugin import LoadedRelease, Manifest, dump_json, sha256_of, to_plain
from zoo_export.choices import Precision
from zoo_export.graphs import Graph
from zoo_export.replay import LIMITS, Loss
from zoo_export.values import Value

__all__ = [
    "FORMAT",
    "MANIFEST",
    "ExportedGraph",
    "PageFacts",
    "ReleaseFacts",
    "describe",
    "manifest_bytes",
    "metadata_of",
    "release_facts",
]

FORMAT = 1
MANIFEST = "export.json"


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """The release that was exported; `manifest` pins its zoo.json. Its licence and credits hold for the export."""

    name: str
    version: str
    manifest: str
    license: str
    credits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExportedGraph:
    """A file of the export: the SHA-256 and size of its bytes, its tensors, and its loss against the test vectors."""

    role: str
    file: str
    sha256: str
    size: int
    inputs: tuple[Value, ...]
    output: Value
    loss: Loss


@dataclass(frozen=True, slots=True)
class PageFacts:
    """The page of an export, and the version of onnxruntime-web that it contains."""

    file: str
    sha256: str
    size: int
    runtime: str

    @classmethod
    def of(cls, file: str, data: bytes, runtime: str) -> PageFacts:
        """Those of a page with these bytes."""
        return cls(file, sha256_of(data), len(data), runtime)


def release_facts(release: LoadedRelease) -> ReleaseFacts:
    """Name, version, pin, licence and credits."""
    manifest: Manifest = release.manifest
    model = release.gan or release.autoencoder
    origin = None if model is None else model.origin
    assert origin is not None, "a loaded release has a model, which knows its release"
    return ReleaseFacts(manifest.name, manifest.version, origin.manifest, manifest.license, manifest.credits)


def metadata_of(graph: Graph, facts: ReleaseFacts, precision: Precision) -> dict[str, str]:
    """What the file of a graph says about itself, as texts: facts of the release, and its tensors as JSON."""
    tensors = {"inputs": [_value(value) for value in graph.inputs], "output": _value(graph.output)}
    return {
        "zoo.release": f"{facts.name} {facts.version}",
        "zoo.manifest": facts.manifest,
        "zoo.license": facts.license,
        "zoo.role": graph.role,
        "zoo.precision": precision,
        "zoo.tensors": dump_json(tensors).decode(),
    }


def describe(graph: Graph, file: str, data: bytes, loss: Loss) -> ExportedGraph:
    """The entry of a graph that was written as `data`."""
    return ExportedGraph(graph.role, file, sha256_of(data), len(data), graph.inputs, graph.output, loss)


def manifest_bytes(
    facts: ReleaseFacts,
    graphs: list[ExportedGraph],
    format_name: str,
    precision: Precision,
    written_with: Mapping[str, str | int],
    page: PageFacts | None = None,
) -> bytes:
    """The bytes of an export.json."""
    plain = {
        "format": FORMAT,
        "release": to_plain(facts),
        "graphs": {graph.role: _entry(graph) for graph in graphs},
        "graph_format": format_name,
        "precision": precision,
        "limit": LIMITS[precision],
        "written_with": dict(written_with),
    }
    return dump_json(plain if page is None else plain | {"page": to_plain(page)})


def _entry(graph: ExportedGraph) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(graph)
    plain["inputs"] = [_value(value) for value in graph.inputs]
    plain["output"] = _value(graph.output)
    return {key: value for key, value in plain.items() if key != "role"}


def _value(value: Value) -> dict[str, Any]:
    """A tensor as plain data: its shape begins with the free number of rows, and what it does not have is left out."""
    plain: dict[str, Any] = to_plain(value)
    plain["shape"] = ["batch", *value.shape]
    return {key: each for key, each in plain.items() if each is not None and each != "" and each != []}
