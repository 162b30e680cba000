"""`zoo serve --api`: what releases compute over HTTP, with limits, clear errors and no request to elsewhere."""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from helpers import SHAPE, released
from PIL import Image
from zoo_serve.api import gate
from zoo_serve.api.app import api
from zoo_serve.api.gate import Gate
from zoo_serve.api.models import ServedModel
from zoo_serve.api.server import open_api
from zoo_serve.listener import Listener

import zoo
from zoo.cli import zoo as command
from zoo.errors import ConfigError
from zoo.plugin import to_uint8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return released(tmp_path_factory.mktemp("releases") / "dcgan.blobs")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Listener]:
    with open_api([str(folder)], port=0) as running:
        yield running


def ask(server: Listener, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """The status and the answer of a request; a body makes it a POST."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(f"{server.url}{path}", data, sent)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            text = reply.read()
            return reply.status, json.loads(text) if reply.headers["content-type"].endswith("json") else text
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def pixels(image: str) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(image))).convert("L"))


def png(seed: int = 0) -> str:
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, SHAPE[1:], dtype=np.uint8)).save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()


def test_samples_are_those_of_the_release_with_that_seed(server: Listener, folder: Path) -> None:
    status, reply = ask(server, "/models/dcgan.blobs/sample", {"n": 3, "seed": 5})
    assert status == 200
    gan = zoo.load(folder).gan
    assert gan is not None
    expected = to_uint8(gan.sample(3, 5), gan.output)[:, 0].numpy()
    assert np.array_equal(np.stack([pixels(image) for image in reply["images"]]), expected)


def test_images_become_codes_and_images_again(server: Listener, folder: Path) -> None:
    autoencoder = zoo.load(folder).autoencoder
    assert autoencoder is not None
    images = {"images": [png(0), png(1)]}
    codes = ask(server, "/models/dcgan.blobs/encode", images)[1]["codes"]
    x = zoo.plugin.from_uint8(zoo_pixels(images["images"]), autoencoder.data)
    assert np.allclose(codes, autoencoder.encode(x).numpy(), atol=1e-6)
    again = ask(server, "/models/dcgan.blobs/reconstruct", images)[1]["images"]
    assert np.array_equal(pixels(again[1]), to_uint8(autoencoder.reconstruct(x), autoencoder.data)[1, 0].numpy())
    status, decoded = ask(server, "/models/dcgan.blobs/decode", {"codes": codes})
    assert status == 200
    assert len(decoded["images"]) == 2


def zoo_pixels(images: list[str]) -> Any:
    import torch

    return torch.from_numpy(np.stack([pixels(image) for image in images]))[:, None]


def test_what_it_serves_is_described_without_a_request_to_elsewhere(server: Listener) -> None:
    status, models = ask(server, "/models")
    assert (status, models[0]["name"], models[0]["code_shape"]) == (200, "dcgan.blobs", [6])
    paths = ask(server, "/openapi.json")[1]["paths"]
    assert {"/health", "/models", "/models/{name}/sample", "/models/{name}/encode"} <= set(paths)
    page = ask(server, "/")[1].decode()
    assert "dcgan.blobs" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    assert ask(server, "/docs")[0] == 404


@pytest.fixture(scope="module")
def editable(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    """The release with two directions."""
    path = tmp_path_factory.mktemp("edited")
    model = zoo.load(folder)
    zoo.write_directions(path / "axes.safetensors", zoo.find_directions(model, components=2))
    words = ["directions", "save", str(folder), str(path / "axes.safetensors"), "--write", str(path / "new")]
    assert CliRunner().invoke(command, [*words, "--version", "2.0.0"]).exit_code == 0
    with open_api([str(path / "new")], port=0) as running:
        yield running


def test_images_are_inverted_and_edited_in_batches(editable: Listener, folder: Path) -> None:
    at = "/models/dcgan.blobs"
    assert ask(editable, f"{at}/directions")[1] == [{"method": "components", "names": ["1", "2"]}]
    images = [png(0), png(1)]
    status, reply = ask(editable, f"{at}/invert", {"images": images, "steps": 3})
    assert status == 200
    model = zoo.load(folder)
    assert model.gan is not None
    expected = zoo.invert(model, zoo.plugin.from_uint8(zoo_pixels(images), model.gan.output), steps=3)
    assert np.allclose(reply["codes"], expected.codes.numpy(), atol=1e-5)
    assert np.allclose(reply["psnr"], expected.psnr.numpy(), atol=1e-2)
    asked = {"images": images, "steps": 3, "direction": "2", "strengths": [-1.0, 0.0]}
    status, edited = ask(editable, f"{at}/edit", asked)
    assert (status, [len(row) for row in edited["images"]]) == (200, [2, 2])
    assert np.array_equal(pixels(edited["images"][1][1]), pixels(reply["images"][1]))
    assert not np.array_equal(pixels(edited["images"][1][0]), pixels(reply["images"][1]))
    for wrong, says in (
        ({"direction": "3"}, "no direction"),
        ({"steps": 101}, "body.steps"),
        ({"strengths": [1e9]}, "body.strengths"),
        ({"images": [png()] * 17}, "body.images"),
        ({"images": [png()] * 16, "strengths": [1.0] * 5}, "too many"),
    ):
        status, reply = ask(editable, f"{at}/edit", {**asked, **wrong})
        assert status == 422
        assert says in reply["error"]
    assert "/models/{name}/edit" in ask(editable, "/openapi.json")[1]["paths"]


def test_a_body_that_does_not_arrive_is_cut_off_with_a_reason(
    server: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The head says a body of a megabyte, of which a few bytes come."""
    monkeypatch.setattr(gate, "BODY_SECONDS", 0.3)
    with socket.create_connection(server.server_address, timeout=20) as connection:
        head = f"POST /models/dcgan.blobs/sample HTTP/1.1\r\nHost: 127.0.0.1:{server.server_address[1]}\r\n"
        connection.sendall(f"{head}Content-Length: 1000000\r\n\r\n{{".encode())
        received = b""
        while part := connection.recv(4096):
            received += part
    assert received.startswith(b"HTTP/1.1 408")
    assert b"the body did not arrive within 0.3 seconds" in received
    assert ask(server, "/health")[1]["busy"] == 0


WRONG: list[tuple[str, Any, int, str]] = [
    ("/models/other/sample", {"n": 1}, 404, "there is no model 'other'"),
    ("/models/dcgan.blobs/sample", {"n": 0}, 422, "body.n"),
    ("/models/dcgan.blobs/sample", {"n": 65}, 422, "body.n"),
    ("/models/dcgan.blobs/sample", {"seed": -1}, 422, "body.seed"),
    ("/models/dcgan.blobs/sample", {"seed": 2**63}, 422, "body.seed"),
    ("/models/dcgan.blobs/sample", {"n": 1, "x": 1}, 422, "body.x"),
    ("/models/dcgan.blobs/sample", {"classes": "dress"}, 422, "class"),
    ("/models/dcgan.blobs/sample", {"truncation": 9}, 422, "body.truncation"),
    ("/models/dcgan.blobs/sample", b"{", 422, "JSON"),
    ("/models/dcgan.blobs/sample", b"[" * 100_000, 400, "parsing the body"),
    ("/other", {}, 404, "Not Found"),
    ("/models/dcgan.blobs/encode", {"images": []}, 422, "body.images"),
    ("/models/dcgan.blobs/encode", {"images": ["x y"]}, 422, "image 1 cannot be read"),
    ("/models/dcgan.blobs/encode", {"images": [base64.b64encode(b"GIF89a").decode()]}, 422, "image 1 cannot be read"),
    ("/models/dcgan.blobs/decode", {"codes": [[1.0]]}, 422, "a code has 1 values"),
    ("/models/dcgan.blobs/decode", b'{"codes": [[NaN, 1, 1, 1, 1, 1]]}', 422, "body.codes"),
]


@pytest.mark.parametrize(("path", "body", "status", "says"), WRONG)
def test_what_is_wrong_with_a_request_is_said_in_a_line(
    server: Listener, path: str, body: Any, status: int, says: str
) -> None:
    answered, reply = ask(server, path, body)
    assert answered == status
    assert says in reply["error"]
    assert ask(server, "/health")[1]["busy"] == 0


def test_another_host_or_a_huge_or_undeclared_body_is_refused(server: Listener) -> None:
    assert ask(server, "/models", Host="evil.example")[0] == 421
    assert ask(server, "/models/dcgan.blobs/sample", b"{}", **{"Content-Length": str(2**30)})[0] == 413
    assert (
        ask(server, "/models/dcgan.blobs/sample", b"2\r\n{}\r\n0\r\n\r\n", **{"Transfer-Encoding": "chunked"})[0] == 411
    )


def test_at_another_address_it_wants_the_token_but_for_its_health(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="no token is set"):
        open_api([str(folder)], "0.0.0.0", 0)
    app = Gate(api([ServedModel(str(folder))]), {"lab:80"}, "hf_secret_token")
    with Listener(lambda hosts: Gate(app.app, hosts, app.token), port=0) as running:
        assert ask(running, "/models")[0] == 401
        assert ask(running, "/models", Authorization="Bearer wrong")[0] == 401
        assert ask(running, "/models", Authorization="Bearer hf_secret_token")[0] == 200
        assert ask(running, "/health")[0] == 200


def test_when_it_is_full_it_says_so_and_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin, end = threading.Event(), threading.Event()
    sample = ServedModel.sample

    def slow(self: ServedModel, *asked: Any) -> list[str]:
        begin.set()
        assert end.wait(60)
        return sample(self, *asked)

    monkeypatch.setattr(ServedModel, "sample", slow)
    app = api([ServedModel(str(folder))], waiting=2)
    with Listener(lambda hosts: Gate(app, hosts), port=0) as running:
        replies: list[int] = []
        path = "/models/dcgan.blobs/sample"
        clients = [threading.Thread(target=lambda: replies.append(ask(running, path, {})[0])) for _ in range(2)]
        for client in clients:
            client.start()
        assert begin.wait(60)
        while ask(running, "/health")[1]["busy"] < 2:
            pass
        assert ask(running, path, {}) == (503, {"error": "the server is full", "hint": "Try again."})
        end.set()
        for client in clients:
            client.join()
        assert replies == [200, 200]
        assert ask(running, path, {})[0] == 200


def test_the_command_wants_releases_or_one_folder(tmp_path: Path) -> None:
    for words in (["serve", "dcgan.mnist5k"], ["serve", str(tmp_path), str(tmp_path)]):
        assert CliRunner().invoke(command, words).exit_code == 2
    assert CliRunner().invoke(command, ["serve", "--api", "dcgan.mnist5k", "--allow-push"]).exit_code == 2
    assert isinstance(CliRunner().invoke(command, ["serve", "--api", "no.such"]).exception, ConfigError)
