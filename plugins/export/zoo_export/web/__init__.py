"""`--format web`: a folder with a page that samples, walks and edits, and asks nobody for anything."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from zoo.plugin import ConfigError, LoadedRelease, load, release_directions, write_folder_atomically
from zoo_export.choices import Precision
from zoo_export.export import Tell, check_free, written_graphs
from zoo_export.manifest import MANIFEST, ExportedGraph, PageFacts
from zoo_export.web.directions import page_directions
from zoo_export.web.page import page_bytes
from zoo_export.web.runtime import VERSION, read_runtime

__all__ = ["export_page"]

_PAGE = "index.html"
_LICENSE = "LICENSE-onnxruntime.txt"
_CHANNELS = (1, 3)


def export_page(
    release: str | Path,
    out: str | Path,
    *,
    precision: Precision = "fp32",
    runtime: Path | None = None,
    tell: Tell = lambda line: None,
) -> list[ExportedGraph]:
    """Write the page of a GAN into the folder `out`, all of it or nothing: index.html, which contains everything, the
    graphs that it runs, export.json and the runtime's licence. It edits with the directions that the release
    brings along.

    `runtime` is a folder of npm's onnxruntime-web; without one, npm is asked for it. Raises as `export` does, and
    ConfigError for a release that a page cannot sample.
    """
    out = Path(out)
    check_free(out)
    loaded = load(release)
    roles = _roles(loaded)
    tell(f"onnxruntime-web {VERSION} from {runtime or 'npm'}")
    files = read_runtime(runtime)
    graphs = written_graphs(loaded, "onnx", precision, roles, tell)
    page = page_bytes(graphs, roles[1:], files, page_directions(release_directions(loaded)))
    notice = importlib.resources.files("zoo_export.web").joinpath(_LICENSE).read_bytes()
    manifest = graphs.manifest(PageFacts.of(_PAGE, page, VERSION))
    write_folder_atomically(out, {_PAGE: page, _LICENSE: notice, **graphs.files, MANIFEST: manifest})
    return graphs.entries


def _roles(release: LoadedRelease) -> list[str]:
    """The graphs that the page runs, in this order. Raises ConfigError for what it cannot show."""
    gan, name = release.gan, release.manifest.name
    if gan is None:
        raise ConfigError(f"{name} holds no GAN, which a page could sample", "Export its networks: --format onnx")
    if not gan.output.is_image or gan.output.shape[0] not in _CHANNELS:
        raise ConfigError(f"{name} makes {gan.output}, which a page cannot show", "Export it: --format onnx")
    if gan.condition is not None and not gan.condition.classes:
        raise ConfigError(f"{name} takes attributes, and a page asks for classes alone", "Export it: --format onnx")
    return ["prior", "generator", *(["first_stage_decoder"] if gan.first_stage is not None else [])]
