"""Who may do what: tokens, kept as digests, and the links under which large files may be uploaded for a while."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Access", "User", "digest"]

_LASTS = 3600


@dataclass(frozen=True, slots=True)
class User:
    """Someone with a token. `orgs` are the other namespaces that are theirs; `*` is every namespace."""

    name: str
    writes: bool = False
    orgs: tuple[str, ...] = ()

    def owns(self, namespace: str) -> bool:
        """Whether the namespace is theirs."""
        return namespace == self.name or namespace in self.orgs or "*" in self.orgs


@dataclass(frozen=True, slots=True)
class Access:
    """Users by the SHA-256 of their token. Without any, everyone may read what is public and nobody may write."""

    users: Mapping[str, User] = field(default_factory=dict)
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def user(self, authorization: str | None) -> User | None:
        """The user of an `Authorization` header."""
        scheme, _, token = (authorization or "").partition(" ")
        return self.users.get(digest(token)) if scheme.lower() == "bearer" and token else None

    def sign(self, what: str) -> str:
        """A query string that opens one upload for an hour; uploads carry no token."""
        expires = str(int(time.time()) + _LASTS)
        return f"expires={expires}&signature={self._signature(what, expires)}"

    def is_signed(self, what: str, expires: str, signature: str) -> bool:
        """Whether the query string is ours and not too old."""
        valid = hmac.compare_digest(self._signature(what, expires).encode(), signature.encode())
        return valid and int(expires) >= time.time()

    def _signature(self, what: str, expires: str) -> str:
        return hmac.new(self._secret, f"{what}\n{expires}".encode(), "sha256").hexdigest()


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
