"""Damage by a seeded random generator: to bytes, to plain data, to text, and to folders."""

from __future__ import annotations

import copy
import os
import random
import shutil
from pathlib import Path
from typing import Any

__all__ = ["HOSTILE", "damage_bytes", "damage_folder", "damage_plain", "damage_text"]

HOSTILE: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1,
    2**31,
    2**63 - 1,
    -(2**63),
    0.5,
    1e308,
    -0.0,
    "",
    "x",
    "../../outside/secret.txt",
    "/etc/passwd",
    "a" * 5_000,
    "\x1b[31m\x07\u202e\u2066",
    "evil-package==6.6.6",
    "$(touch pwned); `id`",
    "<script>alert(1)</script>",
    "\ud7ff\U0010ffff",
    [],
    {},
    [[]],
    [1] * 1_000,
    [0, -1],
    [1, 2**40, 1],
    {"a": {"b": {"c": [1, "x"]}}},
    "sha256:" + "0" * 64,
    "hub:org/name@" + "a" * 40,
)
"""Values in place of any other; TOML and JSON can write all but None."""


def damage_bytes(data: bytes, rng: random.Random) -> bytes:
    """A few flipped bits, or a part that is cut, doubled, zeroed, inserted or moved."""
    if not data:
        return rng.randbytes(rng.randrange(1, 99))
    at = rng.randrange(len(data))
    length = min(rng.choice((1, 2, 8, 64, 1024)), len(data) - at)
    kind = rng.randrange(8)
    if kind < 2:
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 16))):
            bit = rng.randrange(8 * len(data))
            changed[bit // 8] ^= 1 << bit % 8
        return bytes(changed)
    inserted = rng.choice((rng.randbytes(length), b"\0" * length, data[at : at + length], b"\xff" * length))
    return (
        data[:at],
        data[:at] + inserted + data[at:],
        data[:at] + data[at + length :],
        data[:at] + inserted + data[at + length :],
        data + inserted,
        b"",
    )[kind - 2]


def damage_plain(value: Any, rng: random.Random) -> Any:
    """Plain data with one value, key or item changed, somewhere."""
    changed = copy.deepcopy(value)
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, item in items:
            places.append((node, key))
            walk(item)

    walk(changed)
    if not places:
        return rng.choice(HOSTILE)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        node, key = rng.choice(places)
        if (isinstance(node, list) and key >= len(node)) or (isinstance(node, dict) and key not in node):
            continue
        kind = rng.randrange(6)
        if kind == 0:
            del node[key]
        elif kind == 1 and isinstance(node, dict):
            node[rng.choice(("x", "", "__class__", "../x", "a.b", "format", "\x1b[2J"))] = copy.deepcopy(node[key])
        elif kind == 2:
            other, name = rng.choice(places)
            if (isinstance(other, dict) and name in other) or (isinstance(other, list) and name < len(other)):
                node[key] = copy.deepcopy(other[name])
        elif kind == 3 and type(node[key]) in (int, float):
            node[key] = rng.choice((-1, 2, 1000, 10**6, 0.5)) * node[key] + rng.choice((0, 1))
        else:
            node[key] = copy.deepcopy(rng.choice(HOSTILE))
    return changed


def damage_text(text: str, rng: random.Random) -> str:
    """Lines or letters changed, doubled, cut, swapped; or something that a parser takes long for."""
    lines = text.splitlines(keepends=True) or [""]
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    odd = rng.choice(
        ('"', "'", "\0", "\r", "\ufeff", "[", "{", "=", ".", ",", "\n", "#", "\\", "\x1b[2J", "é", "\u202e")
    )
    kind = rng.randrange(8)
    if kind == 0:
        lines.insert(at, lines[other])
    elif kind == 1:
        del lines[at]
    elif kind == 2:
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 3:
        lines.insert(at, odd * rng.choice((1, 3, 5_000, 50_000)) + rng.choice(("", "\n", "=1\n")))
    elif kind == 4:
        lines.insert(
            at, rng.choice((".".join("a" * 9_000) + "=1\n", "x=" + "[" * 9_000, "x={a=" * 3_000, "x=" + "9" * 9_999))
        )
    else:
        line = lines[at]
        place = rng.randrange(len(line) + 1)
        lines[at] = line[:place] + odd * rng.choice((1, 2)) + line[place + rng.choice((0, 1, 4)) :]
    return "".join(lines)


def damage_folder(folder: Path, rng: random.Random) -> str:
    """Damage one file below the folder; returns how."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    path = rng.choice(paths)
    kind = rng.randrange(16)
    if kind == 0:
        path.unlink()
        return f"removed {path.name}"
    if kind == 1:
        path.unlink()
        os.mkfifo(path)
        return f"pipe {path.name}"
    if kind == 2:
        path.unlink()
        path.symlink_to(rng.choice(("/etc/passwd", "../outside/secret.txt", "/dev/zero", path.name, "nowhere")))
        return f"link {path.name}"
    if kind == 3:
        path.unlink()
        path.mkdir()
        return f"folder {path.name}"
    if kind == 4:
        other = rng.choice(paths)
        shutil.copyfile(other, path.parent / rng.choice(("extra.txt", "x.py", path.name.upper(), "x.safetensors")))
        return f"extra file beside {path.name}"
    if kind == 5:
        data, other = path.read_bytes(), rng.choice(paths)
        path.write_bytes(other.read_bytes())
        other.write_bytes(data)
        return f"swapped {path.name} and {other.name}"
    path.write_bytes(damage_bytes(path.read_bytes(), rng))
    return f"bytes of {path.name}"
