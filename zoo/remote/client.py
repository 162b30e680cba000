"""Calls to the Hub's client: retries, and errors of the Hub or the network in one line with the next step."""

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

_RETRY_STATUSES = (429, 500, 502, 503, 504)
_ATTEMPTS = 3
_LONGEST_WAIT = 8.0


@contextmanager
def hub_errors(doing: str) -> Iterator[None]:
    """Turn the client's errors into a RemoteError; `doing` begins its message, as in `pull of ann/x`."""
    check_address()
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    # the HTTPError of the HTTP library that this version of the client uses
    network: type[BaseException] = HfHubHTTPError.__bases__[0]
    try:
        yield
    except ZooError:
        raise
    except (network, HFValidationError, OfflineModeIsEnabled, OSError, RuntimeError, ValueError) as error:
        raise _remote_error(doing, error) from error


def with_retries(call: Callable[[], T]) -> T:
    """Call, and retry if the server is busy (429, 5xx): the client itself retries downloads of files only."""
    from huggingface_hub.errors import HfHubHTTPError

    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return call()
        except HfHubHTTPError as error:
            if _status(error) not in _RETRY_STATUSES or attempt == _ATTEMPTS:
                raise
            time.sleep(min(_LONGEST_WAIT, _retry_after(error) or 0.5 * 2**attempt))
    raise AssertionError("the last attempt returned or raised")


def is_offline() -> bool:
    """Whether HF_HUB_OFFLINE is set. Raises RemoteError for an HF_ENDPOINT that is no address."""
    check_address()
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def use_plain_uploads() -> None:
    """Switch xet uploads off for a Hub at an http address: such a local Hub has no xet, and the client no fallback."""
    from huggingface_hub import constants

    if constants.ENDPOINT.startswith("http://"):
        constants.HF_HUB_DISABLE_XET = True


def check_address() -> None:
    """Raise RemoteError for an HF_ENDPOINT that is no address: the client parses it when it is imported."""
    endpoint = os.environ.get("HF_ENDPOINT")
    if not endpoint:
        return
    try:
        parts = urlsplit(endpoint)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise RemoteError(
            f"HF_ENDPOINT is {endpoint[:100]!r}, not the address of a Hub",
            "For example http://127.0.0.1:8765; for huggingface.co: unset HF_ENDPOINT",
        )


def _remote_error(doing: str, error: BaseException) -> RemoteError:
    from huggingface_hub import constants

    chain = _chain(error)
    names = {cls.__name__ for cause in chain for cls in type(cause).__mro__}
    status = next((code for cause in chain if (code := _status(cause))), None)
    for name, message, hint in _BY_ERROR:
        if name in names:
            return RemoteError(f"{doing}: {message.format(endpoint=constants.ENDPOINT)}", hint)
    for statuses, message, hint in _BY_STATUS:
        if status in statuses:
            reason = next((text for cause in chain if (text := _server_message(cause))), "")
            return RemoteError(": ".join(filter(None, [doing, message.format(status=status), reason])), hint)
    text = (str(chain[-1]).strip().splitlines() or [""])[0][:200]
    return RemoteError(f"{doing}: {type(chain[-1]).__name__}: {text}", _RETRY)


_RETRY = "Try again; files that are complete stay in the cache."
_LOGIN = "Check the name; for a private repository: hf auth login"
_BY_ERROR = (
    ("OfflineModeIsEnabled", "the Hub is switched off (HF_HUB_OFFLINE)", "Unset HF_HUB_OFFLINE, or pull it elsewhere."),
    ("GatedRepoError", "access to the repository must be requested", "Request it on the repository's page."),
    ("RepositoryNotFoundError", "there is no such repository at {endpoint}, or it is private", _LOGIN),
    ("RevisionNotFoundError", "the repository has no such revision", "See its branches, tags and commits on its page."),
    ("RemoteEntryNotFoundError", "the repository lacks a file of the release", "Its publisher must push it again."),
    ("LocalTokenNotFoundError", "you are not logged in", "hf auth login"),
    ("TimeoutException", "{endpoint} did not answer in time", _RETRY),
    ("ConnectError", "{endpoint} cannot be reached", "Check the network; releases pulled before work without one."),
    ("NetworkError", "the connection to {endpoint} broke", _RETRY),
    ("RemoteProtocolError", "the connection to {endpoint} broke", _RETRY),
    ("ConnectTimeout", "{endpoint} did not answer in time", _RETRY),
)
_BY_STATUS = (
    ((401,), "the Hub does not accept the token", "hf auth login"),
    ((403,), "the token may not do this", "Make a token with write access to that namespace, then: hf auth login"),
    ((404,), "there is nothing at that address", _LOGIN),
    ((405,), "this Hub accepts no pushes", "Its administrator can start it with: zoo serve FOLDER --allow-push"),
    ((409,), "it exists already, or another change is under way", "Try again, or choose another name."),
    ((412,), "the repository changed meanwhile", "Nothing was published. Look at what is new there, then push again."),
    ((413, 507), "the server is out of space", "Ask its administrator for more."),
    ((429,), "the Hub limits the rate of requests", "Wait some minutes, then try again."),
    (tuple(range(500, 600)), "the Hub has an internal error ({status})", "Try again later; nothing was published."),
    (tuple(range(400, 500)), "the Hub refused the request ({status})", "Check the name and the token."),
)


def _chain(error: BaseException) -> list[BaseException]:
    """The error and its causes: the client wraps the reason in `cannot find the file locally`."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain and len(chain) < 10:
        chain.append(cause)
        cause = cause.__cause__
    return chain


def _status(error: BaseException) -> int | None:
    status: Any = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _server_message(error: BaseException) -> str:
    """The server's own message, on one line."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    return " ".join(str(headers.get("X-Error-Message", "")).split())[:200]


def _retry_after(error: BaseException) -> float | None:
    text = str(getattr(getattr(error, "response", None), "headers", {}).get("Retry-After", ""))
    return float(text) if text.isdecimal() else None
