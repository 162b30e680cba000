"""The sockets: which handler answers what, one thread a connection, nothing of a token in any log."""

from __future__ import annotations

import re
import sys
import threading
import time
import urllib.parse
from collections import deque
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from zoo._utils.files import open_regular
from zoo.errors import ZooError
from zoo.hub import reads, writes
from zoo.hub.faults import Fault, Faults
from zoo.hub.rights import Hub
from zoo.hub.wire import Refusal, Reply, Request, as_json

__all__ = ["Server"]

_DRAINED = 1 << 22
_PIECE = 1 << 20
_IDLE = 60

_T = r"/api/(?P<kind>models|datasets|spaces)"
_ID = r"/(?P<ns>[^/]+)/(?P<name>[^/]+)"
_PLAIN = r"(?:/(?P<kind>datasets|spaces))?" + _ID
_ROUTES: tuple[tuple[str, str, Callable[..., Reply]], ...] = (
    ("GET", r"/api/whoami-v2", reads.whoami),
    ("GET", _T, reads.listing),
    ("GET", _T + _ID, reads.info),
    ("GET", _T + _ID + r"/revision/(?P<rev>[^/]+)", reads.info),
    ("GET", _T + _ID + r"/tree/(?P<rev>[^/]+)(?:/(?P<path>.*))?", reads.tree),
    ("POST", _T + _ID + r"/paths-info/(?P<rev>[^/]+)", reads.paths_info),
    ("GET", _T + _ID + r"/refs", reads.refs),
    ("GET", _T + _ID + r"/commits/(?P<rev>[^/]+)", reads.commits),
    ("GET", _T + _ID + r"/auth-check(?:/(?P<what>write))?", reads.auth_check),
    ("GET", _T + _ID + r"/xet-(?:read|write)-token/[^/]+", reads.xet_token),
    ("POST", r"/api/repos/create", writes.create),
    ("DELETE", r"/api/repos/delete", writes.delete),
    ("POST", r"/api/repos/move", writes.move),
    ("POST", r"/api/validate-yaml", writes.validate_yaml),
    ("PUT", _T + _ID + r"/settings", writes.settings),
    ("POST", _T + _ID + r"/preupload/(?P<rev>[^/]+)", writes.preupload),
    ("POST", _T + _ID + r"/commit/(?P<rev>[^/]+)", writes.commit),
    ("POST|DELETE", _T + _ID + r"/branch/(?P<name_>[^/]+)", writes.branch),
    ("POST|DELETE", _T + _ID + r"/tag/(?P<name_>[^/]+)", writes.tag),
    (
        "PUT",
        r"/lfs/(?P<kind>models|datasets|spaces)" + _ID + r"/(?P<oid>[0-9a-f]{64})/(?P<size>[0-9]{1,12})",
        writes.upload,
    ),
    ("POST", _PLAIN + r"\.git/info/lfs/objects/batch", writes.lfs_batch),
    ("GET|HEAD", _PLAIN + r"/resolve/(?P<rev>[^/]+)/(?P<path>.+)", reads.resolve),
)
"""Longer ways of writing a path come after shorter ones; each pattern has to match the whole path."""


class Server(ThreadingHTTPServer):
    """A Hub at `http://host:port`; port 0 takes a free one. Use as a context manager, or call `serve_forever`.

    `seen` holds the last requests as `(method, path, status)`; `faults` are for tests.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, hub: Hub, host: str = "127.0.0.1", port: int = 0, names: Iterable[str] = (), *, verbose: bool = False
    ) -> None:
        super().__init__((host, port), _Handler)
        self.hub = hub
        self.verbose = verbose
        self.faults = Faults()
        self.seen: deque[tuple[str, str, int]] = deque(maxlen=10_000)
        self.stopping = threading.Event()
        at = self.server_address[1]
        self.hosts = {f"{name}:{at}" for name in (host, "127.0.0.1", "localhost", *names)} | set(names)

    @property
    def url(self) -> str:
        """The address for HF_ENDPOINT."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def start(self) -> None:
        """Serve in a thread of its own."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Stop what `start` began, stalled replies too."""
        self.stopping.set()
        self.shutdown()
        self.server_close()

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news; anything else is a bug of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "zoo-hub"
    sys_version = ""
    # Without these two each reply waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = _IDLE

    def answer(self) -> None:
        path, _, query = self.path.partition("?")
        what = f"{self.command} {path}"
        length = self.headers.get("Content-Length") or "0"
        self._body = _Body(self.rfile, int(length) if length.isdecimal() else 0)
        fault = self.server.faults.take(what)
        if fault is not None and fault.kind == "status":
            self._send(Reply(fault.status, dict(fault.headers), b"{}"), None)
            return
        try:
            reply = self._reply(path, query)
        except Refusal as error:
            named = {"X-Error-Message": error.message, **error.extra}
            if error.code:
                named["X-Error-Code"] = error.code
            reply = as_json({"error": error.message}, error.status)
            reply.headers.update(named)
        except ZooError as error:
            reply = as_json({"error": error.message}, 507)
        except (ValueError, TypeError, KeyError, OSError) as error:
            sys.stderr.write(f"{what}: {type(error).__name__}: {error}\n")
            reply = as_json({"error": "internal error"}, 500)
        self._send(reply, fault)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def _reply(self, path: str, query: str) -> Reply:
        if self.headers.get("Host", "") not in self.server.hosts:
            raise Refusal(421, "This server does not answer to that Host")
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            raise Refusal(411, "Send a Content-Length")
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        request = Request(
            self.command,
            path,
            urllib.parse.parse_qs(query),
            {name.lower(): value for name, value in self.headers.items()},
            self.server.hub.access.user(self.headers.get("Authorization")),
            f"http://{self.headers['Host']}",
            self._body,  # type: ignore[arg-type]
            self._body.left,
        )
        return _route(self.server.hub, request)

    def _send(self, reply: Reply, fault: Fault | None) -> None:
        self.server.seen.append((self.command, self.path.partition("?")[0], reply.status))
        if not self._body.drain():
            self.close_connection = True  # the rest of an upload that was refused is not waited for
        self.send_response(reply.status)
        told = reply.length
        if fault is not None and fault.kind in ("longer", "shorter"):
            told = max(0, told + (7 if fault.kind == "longer" else -7))
        headers = {"Content-Length": str(told), "X-Content-Type-Options": "nosniff", **reply.headers}
        if self.close_connection:
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, re.sub(r"[^\x20-\x7e]", "?", value))
        self.end_headers()
        if self.command != "HEAD" and reply.status != 304:
            self._send_body(reply, fault)

    def _send_body(self, reply: Reply, fault: Fault | None) -> None:
        if fault is None and reply.file is not None:
            with open_regular(reply.file) as file:
                file.seek(reply.start)
                left = reply.length
                while left and (piece := file.read(min(_PIECE, left))):
                    self.wfile.write(piece)
                    left -= len(piece)
            return
        data = reply.body
        if reply.file is not None:
            with open_regular(reply.file) as file:
                file.seek(reply.start)
                data = file.read(reply.length)
        self.wfile.write(self._damaged(data, fault))
        self.wfile.flush()
        if fault is not None and fault.kind == "stall":
            self.server.stopping.wait(fault.seconds)

    def _damaged(self, data: bytes, fault: Fault | None) -> bytes:
        if fault is None:
            return data
        if fault.kind != "bytes":
            self.close_connection = True
        if fault.kind in ("cut", "stall"):
            return data[: int(len(data) * fault.at)]
        if fault.kind == "bytes" and data:
            middle = int(len(data) * fault.at)
            return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        return data

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The path without its query: signatures are in there."""
        if self.server.verbose:
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {self.command} {self.path.partition('?')[0]} {code}\n")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing else is logged."""


class _Body:
    """The body of a request: reads no further than its announced end."""

    def __init__(self, stream: Any, length: int) -> None:
        self._stream, self.left = stream, length

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(self.left if size < 0 else min(size, self.left))
        self.left -= len(data)
        return data

    def drain(self) -> bool:
        """Read what nobody wanted, if it is not much; False if more is left."""
        if self.left <= _DRAINED:
            while self.left and self.read(_PIECE):
                pass
        return self.left == 0


def _route(hub: Hub, request: Request) -> Reply:
    methods: set[str] = set()
    for method, pattern, handler in _ROUTES:
        match = re.fullmatch(pattern, request.path)
        if match is None:
            continue
        methods |= set(method.split("|"))
        if request.method not in method.split("|"):
            continue
        # The path was split before its words are decoded: a branch may be called `dev%2Fx`.
        words = {key: urllib.parse.unquote(word) for key, word in match.groupdict().items() if word is not None}
        if "kind" in match.groupdict():
            words["kind"] = words.get("kind", "models").removesuffix("s")
        if "ns" in words:
            words["identifier"] = f"{words.pop('ns')}/{words.pop('name')}"
        if "name_" in words:
            words["name"] = words.pop("name_")
        # An upload carries a signed address instead of a token.
        if hub.members_only and request.user is None and handler is not writes.upload:
            raise Refusal(401, "This server needs a token", "RepoNotFound")
        return handler(hub, request, **words)
    if methods:
        raise Refusal(405, f"{request.method} is not allowed here", extra={"Allow": ", ".join(sorted(methods))})
    raise Refusal(404, "There is nothing at this address")
