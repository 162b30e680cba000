"""The facts of a release as tags of its card: what the Hub says of it in a search. No torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from zoo.release.manifest import Manifest

__all__ = ["FactTags", "fact_tags", "read_fact_tags"]

_SHAPE = re.compile(r"sample_shape:([1-9][0-9]{0,8}(?:x[1-9][0-9]{0,8}){0,2})")
_CODE_SHAPE = re.compile(r"code_shape:([1-9][0-9]{0,8}(?:x[1-9][0-9]{0,8}){0,2})")
_PLUGIN = re.compile(r"plugin:([A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?)")


@dataclass(frozen=True, slots=True)
class FactTags:
    """What tags claim: the samples' shape, (C, H, W) or (F,), the codes' shape, and the distributions that are needed.
    Empty or None where they say nothing."""

    shape: tuple[int, ...] = ()
    code_shape: tuple[int, ...] = ()
    plugins: tuple[str, ...] = ()


def fact_tags(manifest: Manifest) -> list[str]:
    """The tags of a release's facts."""
    shape, code_shape = ("x".join(map(str, sizes)) for sizes in (manifest.output.shape, manifest.code_shape))
    plugins = [f"plugin:{name}" for name in manifest.distributions]
    return [f"sample_shape:{shape}", f"code_shape:{code_shape}", *plugins]


def read_fact_tags(tags: Sequence[str]) -> FactTags:
    """The facts in a repository's tags, of any origin: tags that are not of that form are ignored."""
    shapes, code_shapes, plugins = (
        [match[1] for tag in tags if (match := pattern.fullmatch(tag))] for pattern in (_SHAPE, _CODE_SHAPE, _PLUGIN)
    )
    return FactTags(_first(shapes), _first(code_shapes), tuple(dict.fromkeys(plugins)))


def _first(shapes: Sequence[str]) -> tuple[int, ...]:
    return tuple(map(int, shapes[0].split("x"))) if shapes else ()
