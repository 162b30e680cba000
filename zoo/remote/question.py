"""One question to the Hub: a single GET that fails at once without a network, and an answer that is held to be hostile.

The client's own `HfApi` asks the same, but importing it takes longer than downloading a small release, and its
listings try for 23 seconds where there is no network.
"""

from __future__ import annotations

from typing import Any

from zoo._utils.strict_json import parse_json
from zoo.errors import RemoteError

__all__ = ["NotAHub", "api_get"]

_LARGEST = 50_000_000
_PATIENCE = 10.0


class NotAHub(RemoteError):
    """Something else answers at that address."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "Check HF_ENDPOINT.")


def api_get(path: str, **parameters: str) -> Any:
    """The answer to GET `<endpoint>/api/<path>` as plain data. Raises what the client raises, and NotAHub."""
    from huggingface_hub import constants

    # Documented under this name, though the module does not say that it exports them.
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status  # type: ignore[attr-defined]

    url = f"{constants.ENDPOINT}/api/{path}"
    reply = get_session().get(url, headers=build_hf_headers(), params=parameters, timeout=_PATIENCE)
    hf_raise_for_status(reply)
    return parse_json(reply.content, f"the answer of {constants.ENDPOINT}", largest=_LARGEST, error=NotAHub)
