"""Every test runs without a network (its own machine apart), one torch thread, and a user's folders of its own."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

# The Hub's client reads this once, when it is imported: some test modules import it before any fixture runs.
os.environ["HF_HUB_OFFLINE"] = "1"
# One thread each, in every process that a test starts: the tests themselves run side by side.
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("ZOO_CONFIG", str(home / "config"))
    monkeypatch.setenv("ZOO_CACHE", str(home / "cache"))
    monkeypatch.setenv("HF_HOME", str(home / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("ZOO_REGISTRY", "ZOO_PLUGINS", "ZOO_DISABLE_PLUGINS", "ZOO_STRICT_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(socket.socket, "connect", _loopback_only)
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _bytecode(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hundreds of processes start here: where no bytecode may be written, each of them would compile torch anew."""
    with pytest.MonkeyPatch.context() as patch:
        if sys.dont_write_bytecode:
            patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
            patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("bytecode")))
        yield


_connect = socket.socket.connect


def _loopback_only(self: socket.socket, address: object) -> None:
    if not (isinstance(address, tuple) and address[0] == "127.0.0.1"):
        raise OSError(f"a test tried to reach {address}")
    _connect(self, address)


@pytest.fixture
def images_file(tmp_path: Path) -> Path:
    """A small .npz of 96 grey 8 px images with some structure."""
    import numpy as np

    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:8, 0:8]
    centres = rng.uniform(2, 6, (96, 2, 1, 1))
    blobs = np.exp(-((rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2) / 3)
    path = tmp_path / "blobs.npz"
    np.savez(path, images=(blobs * 255).astype("uint8"))
    return path
