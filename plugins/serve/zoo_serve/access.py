"""Users, their tokens (stored as digests), and signed addresses for uploads."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Access", "User", "digest"]

_UPLOAD_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class User:
    """The owner of a token. `orgs` are further namespaces that the user owns; `*` is every namespace."""

    name: str
    writes: bool = False
    orgs: tuple[str, ...] = ()

    def owns(self, namespace: str) -> bool:
        """Whether the user owns the namespace."""
        return namespace == self.name or namespace in self.orgs or "*" in self.orgs


@dataclass(frozen=True, slots=True)
class Access:
    """Users by the SHA-256 of their token. Without users, everyone may read what is public and nobody may write."""

    users: Mapping[str, User] = field(default_factory=dict)
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def user(self, authorization: str) -> User | None:
        """The user of an `Authorization` header."""
        scheme, _, token = authorization.partition(" ")
        return self.users.get(digest(token)) if scheme.lower() == "bearer" and token else None

    def sign(self, path: str) -> str:
        """The query string that allows an upload to a path for an hour; clients send no token with an upload."""
        expires = str(int(time.time()) + _UPLOAD_SECONDS)
        return f"expires={expires}&signature={self._signature(path, expires)}"

    def is_signed(self, path: str, expires: str, signature: str) -> bool:
        """Whether `sign` made this query string, and it has not expired."""
        valid = hmac.compare_digest(self._signature(path, expires).encode(), signature.encode())
        return valid and int(expires) >= time.time()

    def _signature(self, path: str, expires: str) -> str:
        return hmac.new(self._secret, f"{path}\n{expires}".encode(), "sha256").hexdigest()


def digest(token: str) -> str:
    """The SHA-256 of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
