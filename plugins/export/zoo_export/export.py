"""`export(release, out)`: write graphs, replay them, and only then the folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from zoo.plugin import ConfigError, LoadedRelease, load, near, write_folder_atomically
from zoo_export.choices import PRECISIONS, Precision
from zoo_export.formats import FORMATS, Format
from zoo_export.graphs import build_graph, select_roles
from zoo_export.manifest import (
    MANIFEST,
    ExportedGraph,
    PageFacts,
    ReleaseFacts,
    describe,
    manifest_bytes,
    metadata_of,
    release_facts,
)
from zoo_export.replay import complete_vectors, measure

__all__ = ["Graphs", "Tell", "check_free", "export", "written_graphs"]

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Graphs:
    """Graphs that gave what the release gives: the files by name, an entry for each, and how they were written."""

    facts: ReleaseFacts
    entries: list[ExportedGraph]
    files: Mapping[str, bytes]
    format: str
    precision: Precision
    written_with: Mapping[str, str | int]

    def manifest(self, page: PageFacts | None = None) -> bytes:
        """The bytes of export.json."""
        return manifest_bytes(self.facts, self.entries, self.format, self.precision, self.written_with, page)


def export(
    release: str | Path,
    out: str | Path,
    *,
    format: str = "onnx",
    precision: Precision = "fp32",
    parts: Iterable[str] = (),
    tell: Tell = lambda line: None,
) -> list[ExportedGraph]:
    """Write a release's graphs and export.json into the folder `out`, all of them or none.

    `format` is onnx, torchscript or torch.export. `precision` is fp32, fp16 (computes in float16) or int8 (weights of 8
    bits, computes in float32). `parts` are the graphs to write, by default all that the release has. Every graph is
    read back from its bytes and has to give what the release's test vectors say, within the precision's limit, before
    anything is written. `tell` gets a line for each graph.
    Raises ConfigError, UnknownName, ReleaseError, IntegrityError, PluginError or StorageError.
    """
    out = Path(out)
    check_free(out)
    if format not in FORMATS:
        raise ConfigError(f"format {format!r} is unknown", f"{near(format, FORMATS)} There are {', '.join(FORMATS)}.")
    graphs = written_graphs(load(release), format, precision, parts, tell)
    write_folder_atomically(out, {**graphs.files, MANIFEST: graphs.manifest()})
    return graphs.entries


def written_graphs(
    release: LoadedRelease, format: str, precision: Precision, parts: Iterable[str], tell: Tell
) -> Graphs:
    """The graphs of a release as bytes, each read back and replayed. Raises as `export` does."""
    if precision not in PRECISIONS:
        raise ConfigError(f"precision {precision!r} is unknown", f"There are {', '.join(PRECISIONS)}.")
    roles = select_roles(release, parts)
    written_with = FORMATS[format].facts()  # a missing library is told before anything is computed
    tell(f"replaying the test vectors of {release.manifest.name}")
    vectors, facts = complete_vectors(release), release_facts(release)
    entries, files = [], {}
    for number, role in enumerate(roles, 1):
        tell(f"{number}/{len(roles)}  {role}")
        entry, data = _written(role, release, vectors, facts, FORMATS[format], precision)
        entries.append(entry)
        files[entry.file] = data
    return Graphs(facts, entries, files, format, precision, written_with)


def check_free(out: Path) -> None:
    """Raises ConfigError unless `out` is absent or an empty folder."""
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise ConfigError(f"{out} is there already", "Choose another folder; an export never replaces anything.")


def _written(
    role: str,
    release: LoadedRelease,
    vectors: Mapping[str, Tensor],
    facts: ReleaseFacts,
    how: Format,
    precision: Precision,
) -> tuple[ExportedGraph, bytes]:
    graph = build_graph(role, release, vectors, precision)
    data = how.write(graph, metadata_of(graph, facts, precision))
    loss = measure(graph, how.read(data), precision)
    return describe(graph, role + how.suffix, data, loss), data
