"""Whether the licence of a release keeps the terms of what it is made from.

Terms are read from the SPDX ids (https://spdx.org/licenses): Creative Commons ids say them in their names, the others
are in the table below. Licences that ask for no more than a notice bind nothing here, as cards name every source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice, product

from zoo.errors import ReleaseError
from zoo.release.names import license_alternatives

__all__ = ["check_terms"]

_SHARE_ALIKE = ("AGPL", "CC-BY-NC-SA", "CC-BY-SA", "CDLA-Sharing", "EUPL", "GPL", "LGPL", "ODbL")
"""Families of licences under which what is made from a work must stay."""

_MOST_CHOICES = 1_000

_ID = re.compile(r"(.+?)-(\d+(?:\.\d+)*)(-only|-or-later|\+)?(-[A-Za-z]+)?", re.IGNORECASE)


def check_terms(license: str, sources: Mapping[str, str]) -> None:
    """Check the licence of a release, an SPDX expression, against `sources`: the licence of each thing that it is made
    from, by a description; an empty one says nothing.

    Of alternatives (OR) of the release each must do, of alternatives of a source one. What is made from a work that
    forbids commercial use must forbid it too; from a work under share-alike, keep its licence, in that version or a
    later one, and add no other restriction; from one that allows no derivatives, nothing can be released; the ids of
    licences of one's own (`LicenseRef-...`) must be repeated. Raises ReleaseError that names the source, the term, and
    a licence that does if there is one."""
    stated = {what: terms for what, terms in sources.items() if terms}
    for what, terms in stated.items():
        problem = _problem(license, terms)
        if problem:
            raise ReleaseError(
                f"license {license} does not keep the terms of {what}: {problem}", _hint(license, stated)
            )


def _problem(license: str, source: str) -> str:
    """The term of `source` that `license` does not keep, in words; empty if it keeps all."""
    for offered in license_alternatives(license):
        unmet = [_unmet(offered, asked) for asked in license_alternatives(source)]
        if all(unmet):
            return unmet[0]
    return ""


def _unmet(offered: frozenset[str], asked: frozenset[str]) -> str:
    """The first term of the ids `asked`, which hold together, that the ids `offered` do not keep."""
    for term in sorted(asked):
        if _no_derivatives(term):
            return f"{term} allows no derivatives"
        family = _family(term)
        if family and not any(_continues(term, own) for own in offered):
            return f"{term} asks to share alike"
        if family and (others := [own for own in sorted(offered) if _restricts(own, term)]):
            return f"{term} asks to share alike, without the further terms of {others[0]}"
        if _non_commercial(term) and not any(_non_commercial(own) for own in offered):
            return f"{term} forbids commercial use"
        if term.lower().startswith("licenseref-") and term not in offered:
            return f"{term} is a licence of its own, whose terms go on"
    return ""


def _hint(license: str, sources: Mapping[str, str]) -> str:
    """A licence that keeps the terms of all sources, if there is one."""
    asked = [license_alternatives(terms) for terms in sources.values()]
    for choice in islice(product(*asked), _MOST_CHOICES):
        binding = sorted({term for ids in choice for term in ids if _binds(term)})
        for candidate in _candidates(license, binding):
            if not any(_problem(candidate, terms) for terms in sources.values()):
                return f"Release it under {candidate}."
    named = "; ".join(f"{what} is under {terms}" for what, terms in sources.items())
    return f"No licence keeps the terms of all: {named}. Train without one of them."


def _candidates(license: str, binding: Iterable[str]) -> list[str]:
    terms = " AND ".join(binding)
    extended = f"({license}) AND {terms}" if " OR " in license else f"{license} AND {terms}"
    return [terms, extended] if terms else []


def _binds(term: str) -> bool:
    return bool(_family(term)) or _non_commercial(term) or term.lower().startswith("licenseref-")


def _restricts(own: str, term: str) -> bool:
    """Whether a licence that is offered beside share-alike's `term` adds terms that `term` does not have."""
    if _no_derivatives(own) or (_non_commercial(own) and not _non_commercial(term)):
        return True
    return bool(_family(own)) and _family(own) != _family(term)


def _continues(term: str, own: str) -> bool:
    """Whether `own` is share-alike's `term`, or a version of it that may follow."""
    if term.lower() == own.lower():
        return True
    before, after = _ID.fullmatch(term), _ID.fullmatch(own)
    if not before or not after or _family(term) != _family(own) or (before[3] or "").lower() == "-only":
        return False
    free = bool(before[3]) or term.upper().startswith("CC-")  # GPL's plain ids mean that version alone
    return free and _version(before[2]) <= _version(after[2])


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split("."))


def _family(term: str) -> str:
    """The family of a share-alike licence; empty for any other."""
    match = _ID.fullmatch(term)
    name = match[1].lower() if match else ""
    return next((family for family in _SHARE_ALIKE if family.lower() == name), "")


def _non_commercial(term: str) -> bool:
    return bool(re.search(r"(^|-)(NC|Noncommercial)(-|$)", term, re.IGNORECASE))


def _no_derivatives(term: str) -> bool:
    return bool(re.search(r"-ND(-|$)", term, re.IGNORECASE))
