"""The token that a server asks for, which its owner chooses: ZOO_SERVE_TOKEN."""

from __future__ import annotations

import ipaddress
import os
import re

from zoo.plugin import ConfigError

__all__ = ["TOKEN", "chosen_token", "is_loopback"]

TOKEN = "ZOO_SERVE_TOKEN"


def chosen_token(host: str) -> str:
    """The token in the environment; empty if there is none, which is for this machine's own addresses alone. Raises
    ConfigError for an odd token, or for a `host` that other machines can reach without one."""
    chosen = os.environ.get(TOKEN, "")
    if chosen and not re.fullmatch(r"hf_[A-Za-z0-9_]{8,}", chosen):
        raise ConfigError(f"{TOKEN} is not a token", "Write hf_ and at least 8 letters and digits.")
    if not chosen and not is_loopback(host):
        raise ConfigError(
            f"{host} can be reached from other machines, and no token is set",
            f"Set {TOKEN} to hf_ and some random letters, or serve at 127.0.0.1.",
        )
    return chosen


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
