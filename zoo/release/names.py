"""Checks of names, versions, licences, digests and file names. Every check raises ReleaseError.

These strings come from untrusted manifests and registries and are used in paths, pages and shell commands: each must
match a small grammar.
"""

from __future__ import annotations

import functools
import re

from zoo._utils.files import sha256_of
from zoo.errors import ReleaseError

__all__ = [
    "SUFFIXES",
    "check_digest",
    "check_distribution",
    "check_file_name",
    "check_hub_source",
    "check_license",
    "check_name",
    "check_pin",
    "check_plugin",
    "check_version",
    "license_alternatives",
    "pin_of",
    "spdx_of",
]

SUFFIXES = (".json", ".md", ".png", ".safetensors", ".toml", ".txt")
_BARE_FILES = ("LICENSE", "NOTICE")

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)?")
_VERSION = re.compile(r"(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){2}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_PLUGIN = re.compile(rf"{_DISTRIBUTION.pattern}==[A-Za-z0-9][A-Za-z0-9.+!_-]*")
_HUB_SOURCE = re.compile(r"hub:[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}@[0-9a-f]{40}")
_LICENSE_TOKEN = re.compile(r"\s*([()]|[A-Za-z0-9][A-Za-z0-9.+-]*)")
_SPDX = """
    AFL-3.0 Apache-2.0 Artistic-2.0 BSD-2-Clause BSD-3-Clause BSL-1.0 CC-BY-3.0 CC-BY-4.0 CC-BY-NC-4.0 CC-BY-NC-ND-4.0
    CC-BY-NC-SA-4.0 CC-BY-ND-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC0-1.0 EPL-2.0 ISC MIT MPL-2.0 OFL-1.1 Unlicense WTFPL Zlib
"""
_MOST_WAYS = 64
_NO_LICENSE = {"unknown", "none", "noassertion", "other", "tbd", "todo", "na"}
_DEVICE_NAMES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


def check_name(name: str, tagged: bool = False) -> None:
    """`arch` or `arch.tag`, lower case; with `tagged` the tag is required, as in a registry."""
    if len(name) > 100 or not _NAME.fullmatch(name) or (tagged and "." not in name):
        raise ReleaseError(
            f"name {_short(name)} is not allowed",
            f"Use {'arch.tag' if tagged else 'arch or arch.tag'} in lower-case letters, digits, '-' and '_', "
            "for example dcgan.mnist5k.",
        )


def check_version(version: str) -> None:
    """A release's version is `X.Y.Z`: three whole numbers."""
    if not _VERSION.fullmatch(version):
        raise ReleaseError(f"version {_short(version)} is not X.Y.Z", "For example 1.0.0.")


def check_digest(digest: str) -> None:
    """A SHA-256 in 64 lower-case hex digits."""
    if not _DIGEST.fullmatch(digest):
        raise ReleaseError(f"sha256 {_short(digest)} is not 64 lower-case hex digits")


def check_pin(pin: str) -> None:
    """`sha256:` and 64 lower-case hex digits, the pin of a manifest."""
    kind, _, digest = pin.partition(":")
    if kind != "sha256" or not _DIGEST.fullmatch(digest):
        raise ReleaseError(f"manifest {_short(pin)} is not 'sha256:' and 64 lower-case hex digits")


def check_hub_source(source: str) -> None:
    """`hub:org/name@<40 hex digits>`, or empty for a release that is not on the Hub."""
    if source and not _HUB_SOURCE.fullmatch(source):
        raise ReleaseError(f"source {_short(source)} is not hub:org/name@<40 hex digits>")


def check_plugin(plugin: str) -> None:
    """The distribution of a part's component, written `name==version`."""
    if len(plugin) > 200 or not _PLUGIN.fullmatch(plugin):
        raise ReleaseError(f"plugin {_short(plugin)} is not name==version", "For example zoo-dcgan==0.1.0.")


def check_distribution(name: str) -> None:
    """The name of a Python distribution, without a version."""
    if len(name) > 100 or not _DISTRIBUTION.fullmatch(name):
        raise ReleaseError(f"distribution {_short(name)} is not a name", "For example zoo-dcgan.")


def check_file_name(name: str) -> None:
    """A plain name in the release folder, of a file type that is only read as data.

    It has no separator, no leading dot and a known suffix, and is no device name of another system: nothing in a
    release can be imported or run.
    """
    plain = len(name) <= 100 and _FILE.fullmatch(name) and name.split(".")[0].lower() not in _DEVICE_NAMES
    if not plain:
        raise ReleaseError(
            f"file {_short(name)} is not a plain file name",
            "Files must be in the release folder itself; use letters, digits, '.', '-' and '_'.",
        )
    if not name.endswith(SUFFIXES) and name not in _BARE_FILES:
        allowed = ", ".join((*SUFFIXES, *_BARE_FILES))
        raise ReleaseError(f"file {name!r} has a type that is not allowed in a release", f"Allowed: {allowed}.")


@functools.lru_cache(maxsize=1024)
def check_license(text: str) -> None:
    """An SPDX licence expression: ids joined by AND, OR, WITH and parentheses. There is no default.

    Only the grammar is checked, as the list of ids grows; `LicenseRef-name` is a custom licence.
    """
    hint = "Use an SPDX expression, for example Apache-2.0, CC-BY-SA-3.0 or MIT OR Apache-2.0."
    if not text.strip():
        raise ReleaseError("license is empty", hint)
    tokens = _license_tokens(text)
    if tokens is None or not _is_expression(tokens):
        raise ReleaseError(f"license {_short(text)} is not an SPDX expression", hint)
    vague = next((token for token in tokens if token.lower() in _NO_LICENSE), None)
    if vague:
        raise ReleaseError(f"license {vague!r} grants nothing", hint)


def license_alternatives(text: str) -> list[frozenset[str]]:
    """The ways to keep an SPDX expression: each a set of ids that hold together. `A AND (B OR C)` gives {A, B} and
    {A, C}; an exception (WITH) is left out. Raises ReleaseError like `check_license`, or for more than 64 ways.
    """
    check_license(text)
    tokens = _license_tokens(text)
    assert tokens is not None, "checked above"
    ways, _ = _either(tokens, 0)
    return ways


def _either(tokens: list[str], at: int) -> tuple[list[frozenset[str]], int]:
    """The alternatives of the expression that begins at a token, up to its end or closing parenthesis; AND binds
    tighter than OR."""
    ways: list[frozenset[str]] = []
    joined = [frozenset[str]()]
    while at < len(tokens) and tokens[at] != ")":
        token = tokens[at]
        if token == "(":
            inner, at = _either(tokens, at + 1)
            joined = [before | after for before in joined for after in inner]
        elif token == "OR":
            ways, joined = ways + joined, [frozenset()]
        elif token == "WITH":
            at += 1
        elif token != "AND":
            joined = [before | {token} for before in joined]
        at += 1
        if len(ways) + len(joined) > _MOST_WAYS:
            raise ReleaseError(f"license {_short(' '.join(tokens))} has too many alternatives", "Choose fewer.")
    return list(dict.fromkeys(ways + joined)), at


def spdx_of(hub_id: str) -> str:
    """The SPDX id of a licence as the Hub calls it (`apache-2.0`); empty for one that is not a plain licence."""
    return next((known for known in _SPDX.split() if known.lower() == hub_id.lower()), "")


def pin_of(data: bytes) -> str:
    """The pin of these bytes of a zoo.json, as in registries and lineages."""
    return f"sha256:{sha256_of(data)}"


def _license_tokens(text: str) -> list[str] | None:
    if len(text) > 200:
        return None
    tokens, position = [], 0
    while position < len(text.rstrip()):
        match = _LICENSE_TOKEN.match(text, position)
        if match is None:
            return None
        tokens.append(match[1])
        position = match.end()
    return tokens


def _is_expression(tokens: list[str]) -> bool:
    """Whether operands and operators alternate and parentheses match; WITH is followed by one id."""
    depth, expects_operand, after_with = 0, True, False
    for token in tokens:
        is_operator = token in ("AND", "OR", "WITH")
        if expects_operand:
            if token == "(" and not after_with:
                depth += 1
                continue
            if is_operator or token in "()":
                return False
            expects_operand, after_with = False, False
        elif token == ")":
            depth -= 1
            if depth < 0:
                return False
        elif is_operator:
            expects_operand, after_with = True, token == "WITH"
        else:
            return False
    return depth == 0 and not expects_operand


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
