"""A Hub on this machine and the unmodified client, in a process of its own, that talks to it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from faults import Fault, Faults
from starlette.types import ASGIApp
from zoo_serve.access import Access, User, digest
from zoo_serve.permissions import Hub
from zoo_serve.server import Server
from zoo_serve.store import Store

ANN, BOB, READER = "hf_test_ann", "hf_test_bob", "hf_test_reader"
USERS = {
    digest(ANN): User("ann", writes=True, orgs=("lab",)),
    digest(BOB): User("bob", writes=True),
    digest(READER): User("reader"),
}


class FaultyServer(Server):
    """A server whose `faults` damage its responses."""

    faults: Faults

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub, middleware=self._damaged)

    def _damaged(self, app: ASGIApp) -> ASGIApp:
        self.faults = Faults(app)
        return self.faults


def hub(folder: Path, *, writes: bool = True) -> FaultyServer:
    """A Hub with three users; not yet serving."""
    return FaultyServer(Hub(Store(folder), Access(USERS), writes=writes))


def environment(url: str, home: Path, token: str = ANN, **more: str) -> dict[str, str]:
    """What a process needs to reach that Hub, and nothing of this user's."""
    others = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING", "ZOO_"))}
    return {
        **others,
        "HF_ENDPOINT": url,
        "HF_TOKEN": token,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "ZOO_CONFIG": str(home / "config"),
        "ZOO_CACHE": str(home / "cache"),
        "OMP_NUM_THREADS": "1",
        **more,
    }


def client(code: str, env: dict[str, str]) -> Any:
    """Run Python that sets `result` from `api`, an HfApi; give the result."""
    program = (
        "import json, hashlib, pathlib, huggingface_hub\n"
        "from huggingface_hub import HfApi, CommitOperationAdd, hf_hub_download, snapshot_download\n"
        "api = HfApi()\n"
        "def fails(call):\n"
        "    try: call()\n"
        "    except Exception as error: return type(error).__name__\n"
        f"{code}\n"
        "print(json.dumps(result))"
    )
    done = run([sys.executable, "-c", program], env)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def run(command: list[str], env: dict[str, str], timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """A process with that environment."""
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=timeout)


def hf(*words: object, env: dict[str, str], timeout: float = 600) -> str:
    """The Hub client's own command line; what it printed."""
    done = run([str(Path(sys.executable).with_name("hf")), *map(str, words)], env, timeout)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def cli(*words: str, env: dict[str, str], timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """`zoo` with those words."""
    return run([sys.executable, "-m", "zoo", *words], env, timeout)


_PROVED = """
import sys, zoo.cli, zoo.release.folder, zoo.remote.push as push
push.prove = lambda folder, manifest: None
zoo.cli.main(["push", *sys.argv[1:]])
"""
PUSH = [sys.executable, "-c", _PROVED]
"""`zoo push` of a release that was proved before: everything but the fresh process that loads it."""


def push(*words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """`PUSH` with those words."""
    return run([*PUSH, *words], env)


def kill_at(server: FaultyServer, request: str, command: list[str], env: dict[str, str]) -> None:
    """Start a command and kill it while it waits for the answer to `METHOD path`, a pattern; that answer stalls."""
    server.faults.add(Fault(request, "stall"))
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not any(re.search(request, f"{method} {path}") for method, path, _ in list(server.responses)):
            assert process.poll() is None, "it ended before that request"
            time.sleep(0.02)
        process.kill()
    server.faults.clear()
