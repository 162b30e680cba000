"""Calling the Hub: what it refuses, and what the network does, told in one line with the next step."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

from zoo.errors import RemoteError, ZooError

__all__ = ["check_address", "hub_errors", "is_offline", "use_plain_uploads", "with_retries"]

T = TypeVar("T")

_AGAIN = (429, 500, 502, 503, 504)
_TRIES = 3
_LONGEST_WAIT = 8.0


@contextmanager
def hub_errors(doing: str) -> Iterator[None]:
    """Turn what the client raises into a RemoteError; `doing` begins its message, as in `pull of ann/x`."""
    check_address()
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    network: type[BaseException] = HfHubHTTPError.__bases__[
        0
    ]  # HTTPError of the HTTP library that this version of the client uses
    try:
        yield
    except ZooError:
        raise
    except (network, HFValidationError, OfflineModeIsEnabled, OSError, RuntimeError, ValueError) as error:
        raise _told(doing, error) from error


def with_retries(call: Callable[[], T]) -> T:
    """Call, and call again where the server asks for patience (429, 5xx): the client itself does so for files only."""
    from huggingface_hub.errors import HfHubHTTPError

    for attempt in range(1, _TRIES + 1):
        try:
            return call()
        except HfHubHTTPError as error:
            if _status(error) not in _AGAIN or attempt == _TRIES:
                raise
            time.sleep(min(_LONGEST_WAIT, _retry_after(error) or 0.5 * 2**attempt))
    raise AssertionError("the last attempt returned or raised")


def is_offline() -> bool:
    """Whether the user has switched the Hub off. Raises RemoteError for an HF_ENDPOINT that is no address."""
    check_address()
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def use_plain_uploads() -> None:
    """A Hub at a plain http address is one's own and has no xet storage, for which the client knows no fallback."""
    from huggingface_hub import constants

    if constants.ENDPOINT.startswith("http://"):
        constants.HF_HUB_DISABLE_XET = True


def check_address() -> None:
    """Raise RemoteError for an HF_ENDPOINT that is no address: the client takes it apart while it is imported."""
    said = os.environ.get("HF_ENDPOINT")
    if not said:
        return
    try:
        parts = urlsplit(said)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise RemoteError(
            f"HF_ENDPOINT is {said[:100]!r}, not the address of a Hub",
            "For example http://127.0.0.1:8765; for huggingface.co: unset HF_ENDPOINT",
        )


def _told(doing: str, error: BaseException) -> RemoteError:
    from huggingface_hub import constants

    chain = _chain(error)
    names = {cls.__name__ for one in chain for cls in type(one).__mro__}
    status = next((found for one in chain if (found := _status(one))), None)
    where = constants.ENDPOINT
    for name, message, hint in _NAMED:
        if name in names:
            return RemoteError(f"{doing}: {message.format(where=where)}", hint)
    for statuses, message, hint in _STATUSES:
        if status in statuses:
            said = next((text for one in chain if (text := _said(one))), "")
            reason = message.format(where=where, status=status) + (f": {said}" if said else "")
            return RemoteError(f"{doing}: {reason}", hint)
    text = (str(chain[-1]).strip().splitlines() or [""])[0][:200]
    return RemoteError(f"{doing}: {type(chain[-1]).__name__}: {text}", "Try again; what is whole is kept.")


_KEPT = "Try again; what is whole is kept."
_LOGIN = "Check the name; for a private repository: hf auth login"
_NAMED = (
    ("OfflineModeIsEnabled", "the Hub is switched off (HF_HUB_OFFLINE)", "Unset HF_HUB_OFFLINE, or pull it elsewhere."),
    ("GatedRepoError", "access to the repository has to be asked for", "Ask for it on the repository's page."),
    ("RepositoryNotFoundError", "there is no such repository at {where}, or it is private", _LOGIN),
    ("RevisionNotFoundError", "the repository has no such revision", "See its branches, tags and commits on its page."),
    ("RemoteEntryNotFoundError", "the repository lacks a file of the release", "Its publisher must push it again."),
    ("LocalTokenNotFoundError", "you are not logged in", "hf auth login"),
    ("TimeoutException", "{where} did not answer in time", _KEPT),
    ("ConnectError", "{where} cannot be reached", "Check the network; what was pulled before works without one."),
    ("NetworkError", "the connection to {where} broke", _KEPT),
    ("RemoteProtocolError", "the connection to {where} broke", _KEPT),
    ("ConnectTimeout", "{where} did not answer in time", _KEPT),
)
_STATUSES = (
    ((401,), "the Hub does not accept the token", "hf auth login"),
    ((403,), "the token may not do this", "Make a token with write access to that namespace, then: hf auth login"),
    ((404,), "there is nothing at that address", _LOGIN),
    ((405,), "this Hub lets nobody push", "Whoever serves it starts it with: zoo serve FOLDER --allow-push"),
    ((409,), "it exists already, or another change is under way", "Try again, or choose another name."),
    ((412,), "the repository changed meanwhile", "Nothing was published. Look at what is new there, then push again."),
    ((413, 507), "the server has no room for it", "Ask whoever runs it for more space."),
    ((429,), "the Hub asks for fewer requests", "Wait some minutes, then try again."),
    (tuple(range(500, 600)), "the Hub is in trouble ({status})", "Try again later; nothing is half-visible."),
    (tuple(range(400, 500)), "the Hub refused it ({status})", "Check the name and the token."),
)


def _chain(error: BaseException) -> list[BaseException]:
    """The error and what it came from: the client wraps the reason in `cannot find the file locally`."""
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found and len(found) < 10:
        found.append(at)
        at = at.__cause__
    return found


def _status(error: BaseException) -> int | None:
    status: Any = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _said(error: BaseException) -> str:
    """What the server itself says about it, on one line."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    return " ".join(str(headers.get("X-Error-Message", "")).split())[:200]


def _retry_after(error: BaseException) -> float | None:
    text = str(getattr(getattr(error, "response", None), "headers", {}).get("Retry-After", ""))
    return float(text) if text.isdecimal() else None
