"""A single GET to the Hub's API: it fails at once without a network, and its answer is not trusted.

`HfApi` of the client could do the same, but importing it takes longer than downloading a small release, and without a
network its listings retry for 23 seconds.
"""

from __future__ import annotations

from typing import Any

from zoo._utils.strict_json import parse_json
from zoo.errors import RemoteError

__all__ = ["NotAHub", "api_get"]

_LARGEST = 50_000_000
_TIMEOUT = 10.0


class NotAHub(RemoteError):
    """The server at HF_ENDPOINT did not answer as a Hub does."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "Check HF_ENDPOINT.")


def api_get(path: str, **parameters: str) -> Any:
    """The answer to GET `<endpoint>/api/<path>` as plain data. Raises the client's errors, and NotAHub."""
    from huggingface_hub import constants

    # documented under this name, but missing from the module's __all__
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status  # type: ignore[attr-defined]

    url = f"{constants.ENDPOINT}/api/{path}"
    reply = get_session().get(url, headers=build_hf_headers(), params=parameters, timeout=_TIMEOUT)
    hf_raise_for_status(reply)
    return parse_json(reply.content, f"the answer of {constants.ENDPOINT}", largest=_LARGEST, error=NotAHub)
