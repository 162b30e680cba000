"""A request and a reply as facts, and the errors whose headers the client reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from zoo._utils.strict_json import parse_json
from zoo.errors import ZooError
from zoo.hub.access import User

__all__ = ["Refusal", "Reply", "Request", "as_json"]

_LARGEST_JSON = 1 << 20


class Refusal(Exception):
    """A reply that is not a success; `code` is the word by which the client picks its own exception."""

    def __init__(self, status: int, message: str, code: str = "", extra: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.extra = dict(extra or {})


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked. `base` is the address that the client used, for links back; `length` the size of the body."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    user: User | None
    base: str
    body: BinaryIO
    length: int

    def one(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return self.query.get(name, [default])[0]

    def flag(self, name: str) -> bool:
        """A query parameter that is `true` or `false`."""
        return self.one(name).lower() in ("true", "1")

    def read(self, largest: int = _LARGEST_JSON) -> bytes:
        """The whole body. Raises Refusal 413 when it is larger than that."""
        if self.length > largest:
            raise Refusal(413, f"{self.length:,} bytes; at most {largest:,} are read")
        return self.body.read(self.length)

    def json(self) -> dict[str, Any]:
        """The body as a table. Raises Refusal 400."""
        try:
            plain = parse_json(self.read() or b"{}", "body", largest=_LARGEST_JSON)
        except ZooError as error:
            raise Refusal(400, error.message) from None
        if not isinstance(plain, dict):
            raise Refusal(400, "the body is not a table")
        return plain


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered: bytes, or a file's bytes `start` to `stop`."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    file: Path | None = None
    start: int = 0
    stop: int = 0

    @property
    def length(self) -> int:
        """How many bytes the body has."""
        return len(self.body) if self.file is None else self.stop - self.start


def as_json(value: Any, status: int = 200, **headers: str) -> Reply:
    """A JSON reply; `_` in a header's name stands for `-`."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, {"Content-Type": "application/json", **named}, json.dumps(value).encode())
