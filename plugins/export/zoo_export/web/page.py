"""index.html: style, script, runtime and graphs in one file, and a policy that forbids every request."""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.resources
import json
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from zoo.plugin import sanitize
from zoo_export.export import Graphs
from zoo_export.web.runtime import PINS

__all__ = ["page_bytes"]


def page_bytes(
    graphs: Graphs, chain: Sequence[str], runtime: Mapping[str, bytes], directions: Sequence[Mapping[str, Any]] = ()
) -> bytes:
    """The page as UTF-8. `chain` are the graphs from a code to a picture, in order; `runtime` is onnxruntime-web;
    `directions` are those that it edits with (`page_directions`)."""
    folder = importlib.resources.files("zoo_export.web")
    texts = {name: folder.joinpath(name).read_text("utf-8") for name in ("page.html.j2", "page.css", "page.js")}
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(texts), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    script, glue, wasm = (runtime[name] for name in PINS)
    scripts = [script.decode(), texts["page.js"]]
    blocks = {"glue": glue, "wasm": wasm} | {entry.role: graphs.files[entry.file] for entry in graphs.entries}
    facts = json.loads(graphs.manifest())
    page = environment.get_template("page.html.j2").render(
        facts=_clean(facts),
        data=_json(
            {
                "graphs": facts["graphs"],
                "chain": list(chain),
                "name": facts["release"]["name"],
                "directions": list(directions),
            }
        ),
        worst=max(entry.loss.relative for entry in graphs.entries),
        style=texts["page.css"],
        scripts=scripts,
        pins=[_pin(text) for text in scripts],
        blocks={name: _packed(data) for name, data in blocks.items()},
    )
    return page.encode()


def _packed(data: bytes) -> str:
    """gzip as base64: a third of the size of WebAssembly as it is. The same bytes always give the same text."""
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


def _pin(script: str) -> str:
    """The digest by which the policy allows a script."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _json(value: Any) -> str:
    """JSON that cannot end the element that it stands in."""
    return json.dumps(value).replace("<", "\\u003c")


def _clean(value: Any) -> Any:
    """Texts of a release without control characters."""
    if isinstance(value, dict):
        return {key: _clean(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_clean(each) for each in value]
    return sanitize(value) if isinstance(value, str) else value
