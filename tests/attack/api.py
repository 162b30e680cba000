"""What clients send to `zoo serve --api`."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import random
from pathlib import Path

import numpy as np
from helpers import SHAPE, released
from PIL import Image
from zoo_serve.api.server import open_api

from attack.arena import Action, Family
from attack.damage import damage_bytes, damage_plain
from attack.servers import send, status_of
from zoo.errors import ZooError

__all__ = ["API"]

_PATHS = ("sample", "encode", "decode", "reconstruct", "other", "../x", "sample/", "%00")


def _picture() -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.zeros(SHAPE[1:], np.uint8)).save(data, "PNG")
    return data.getvalue()


def _body(path: str, rng: random.Random) -> bytes:
    image = damage_bytes(_picture(), rng) if rng.random() < 0.5 else _picture()
    plain = {
        "encode": {"images": [base64.b64encode(image).decode()]},
        "reconstruct": {"images": [base64.b64encode(image).decode()] * rng.choice((1, 3, 64, 65))},
        "decode": {"codes": [[0.0] * 6] * rng.choice((1, 3, 64, 65))},
    }.get(path, {"n": 2, "seed": 0, "classes": None, "truncation": 0.7})
    damaged = damage_plain(plain, rng) if rng.random() < 0.7 else plain
    body = json.dumps(damaged).encode("utf-8", "surrogatepass")
    return damage_bytes(body, rng) if rng.random() < 0.2 else body


def _case(rng: random.Random) -> tuple[str, Action]:
    path = rng.choice(_PATHS)
    body = _body(path, rng)
    head = f"POST /models/dcgan.blobs/{path} HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Type: application/json\r\n"
    data = f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
    data = damage_bytes(data, rng) if rng.random() < 0.1 else data

    def run(place: Path) -> object:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            server = open_api([str(place / "release")], port=0)
            with server:
                reply = send(server.server_address, data)
                health = send(
                    server.server_address, b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: close\r\n\r\n"
                )
        if status_of(reply) >= 500 or b'"busy":0' not in health or "Traceback" in said.getvalue():
            raise AssertionError(f"answered {reply[:300]!r}, then {health[-60:]!r}; {said.getvalue()[-300:]}")
        if status_of(reply) >= 400:
            raise ZooError(f"answered {status_of(reply)}")
        return "answered"

    return path, run


API = Family("api", lambda place: released(place / "release"), lambda place, rng: "a request", _case, compared=False)
