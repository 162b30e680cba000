"""The model card: README.md of a release, made from its manifest and what its recipe says. No torch.

Everything printed is escaped unless the template asks for code or YAML, so a credit line or a config cannot
add HTML, break a table or end the front matter.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from zoo import plugins
from zoo.plugins.install import is_from_repository
from zoo.release.manifest import ROLES, Manifest
from zoo.release.tags import fact_tags

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["Rows", "card", "card_on_hub", "hub_license"]

Rows = tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]
"""A header and rows of texts."""

_SPECIAL = re.compile(r"([\\`*_\[\]|~#$!])")

# The licence ids that the Hub has pages for; any other is shown under "other" with its SPDX expression.
_HUB_LICENSES = """
    afl-3.0 agpl-3.0 apache-2.0 artistic-2.0 bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 cc-by-2.0
    cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0
    cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0
    cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0 ecl-2.0 epl-1.0 epl-2.0 eupl-1.1 gpl-2.0 gpl-3.0
    isc lgpl-2.1 lgpl-3.0 lppl-1.3c mit mpl-2.0 ms-pl ncsa odbl ofl-1.1 osl-3.0 pddl postgresql unlicense
    wtfpl zlib
"""


class _Ready(str):
    """Text that is Markdown already and is not escaped again."""

    __slots__ = ()


def card(
    manifest: Manifest,
    *,
    obstacle: str = "",
    autoencoder: str = "an autoencoder without a release",
    rows: Rows | None = None,
) -> str:
    """The README.md of a release: front matter for the Hub, samples, use, parts, training, figures, credits.

    The manifest may pin a README.md or not: nothing of `files` is printed but whether samples.png is there. `obstacle`
    says why the recipe cannot be run again, as a clause; `autoencoder` says what a GAN was transferred from if that is
    no release. `rows` are samples of a modality.
    """
    parts = [manifest.parts[role] for role in ROLES if role in manifest.parts]
    sampled = "samples.png" in manifest.files
    facts = {"obstacle": obstacle, "autoencoder": autoencoder, "samples": rows, "described": _described(manifest)}
    text: str = _template().render(m=manifest, parts=parts, sampled=sampled, **facts)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _described(manifest: Manifest) -> Rows | None:
    """What a record of the manifest's modality is, for people; None without one."""
    modality = manifest.output.modality
    if modality is None:
        return None
    header, rows = plugins.configure("modality", modality)[1].facts()
    return tuple(header), tuple(map(tuple, rows))


def card_on_hub(text: str, name: str, repo: str) -> str:
    """The card of the release `name` as the repository `repo` of the Hub shows it: its code loads it from there."""
    return re.sub(rf'zoo\.load\("(?:{re.escape(name)}|hub:[^"]*)"\)', f'zoo.load("hub:{repo}")', text)


def hub_license(expression: str) -> str:
    """The Hub's id for an SPDX expression, or `other`."""
    lowered = expression.lower()
    return lowered if lowered in _HUB_LICENSES.split() else "other"


@functools.cache
def _template() -> Template:
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, finalize=_escape, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        code=_code,
        base_models=_base_models,
        origins=_origins,
        verbatim=_Ready,
        yaml=_yaml,
        figure=_figure,
        settings=_settings,
        table=_table,
        hub_license=hub_license,
        model_index=_model_index,
        strategy_tags=_strategy_tags,
        fact_tags=fact_tags,
        vouched=is_from_repository,
    )
    source = importlib.resources.files("zoo.release").joinpath("card.md.j2").read_text("utf-8")
    return environment.from_string(source)


def _escape(value: Any) -> str:
    if isinstance(value, _Ready):
        return value
    text = _SPECIAL.sub(r"\\\1", _one_line(str(value)))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _code(value: Any) -> _Ready:
    """A code span: backticks would end it, a bar would end a table's cell."""
    return _Ready("`" + _one_line(str(value)).replace("`", "'").replace("|", r"\|") + "`")


def _yaml(value: Any) -> _Ready:
    """A JSON string is a YAML string."""
    return _Ready(json.dumps(_one_line(str(value)), ensure_ascii=False))


def _table(rows: Rows) -> _Ready:
    """A Markdown table; its cells are escaped."""
    header, lines = rows
    cells = [header, tuple("---" for _ in header), *lines]
    return _Ready(
        "\n".join("| " + " | ".join(cell if cell == "---" else _escape(cell) for cell in row) + " |" for row in cells)
    )


def _figure(value: float) -> _Ready:
    return _Ready(f"{value:.4g}")


def _settings(config: dict[str, Any]) -> _Ready:
    text = json.dumps(config, sort_keys=True, ensure_ascii=False)
    return _code(text) if config else _Ready("none")


def _origins(rows: Iterable[Mapping[str, Any]]) -> str:
    """How many tensors have each origin, `12 copied, 3 fresh`."""
    counts = Counter(str(row.get("origin", "unknown")) for row in rows)
    return ", ".join(f"{n} {origin}" for origin, n in sorted(counts.items()))


def _strategy_tags(manifest: Manifest) -> list[str]:
    """The names of the strategies, without their settings: as searched for on the Hub."""
    if manifest.lineage is None:
        return []
    bare = re.sub(r"\([^()]*\)", "", manifest.lineage.strategy)
    names = [word.strip().rpartition("/")[2] for word in bare.split("+")]
    return [name for name in dict.fromkeys(names) if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,60}", name)]


def _base_models(manifest: Manifest) -> list[str]:
    """The Hub's repositories that the weights come from: of releases, and of pretrained files."""
    origins = manifest.lineage.origins if manifest.lineage is not None else ()
    released = [origin.source[4:-41] for origin in origins]
    return [name for name in dict.fromkeys((*released, *(one.repository for one in manifest.pretrained))) if name]


def _model_index(manifest: Manifest) -> _Ready:
    """The figures as the Hub shows them next to a model, on one line of JSON, which is YAML."""
    task = {"type": "unconditional-image-generation", "name": "Image generation"}
    if manifest.output.modality is not None:
        task = {"type": "other", "name": "Data generation"}
    results: dict[tuple[str, str], dict[str, Any]] = {}
    for one in manifest.metrics:
        data, split = _one_line(one.data), _one_line(one.split)
        dataset = {"name": data, "type": _slug(data), "split": split}
        result = results.setdefault((data, split), {"task": task, "dataset": dataset, "metrics": []})
        name = f"{_one_line(one.name)} ({_one_line(one.extractor)}, n={one.n})"
        result["metrics"].append({"type": _slug(one.name), "value": float(f"{one.value:.6g}"), "name": name})
    text = json.dumps([{"name": manifest.name, "results": list(results.values())}], ensure_ascii=False)
    # Keep a stranger's text from becoming a tag or a link for a reader that does not parse front matter.
    return _Ready(text.replace("<", "\\u003c").replace("](", "]\\u0028"))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "other"


def _one_line(text: str) -> str:
    """Line breaks become spaces; control and direction characters, which could hide text, go."""
    text = re.sub(r"\s+", " ", text)
    hidden = ("Cc", "Cf", "Co", "Cs")
    return "".join(letter for letter in text if unicodedata.category(letter) not in hidden).strip()
