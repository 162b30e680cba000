"""`zoo export --format web`: the page without a browser; `pytest -m browser` opens it in one."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from helpers import released
from zoo_export.web import export_page, runtime

import zoo
from zoo.cli import zoo as command
from zoo.errors import ConfigError, IntegrityError, RemoteError
from zoo.training.api import open_run, train
from zoo.types import PartSpec


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with other bytes under the names of onnxruntime-web, and their pins."""
    folder = tmp_path / "package"
    (folder / "dist").mkdir(parents=True)
    for name in list(runtime.PINS):
        data = f"// {name} of Zoo's tests".encode()
        (folder / "dist" / name).write_bytes(data)
        monkeypatch.setitem(runtime.PINS, name, hashlib.sha256(data).hexdigest())
    return folder


def test_a_page_contains_all_that_it_runs_and_may_ask_nobody(stand_in: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_page(released(tmp_path / "release"), out, runtime=stand_in)
    names = {path.name for path in out.iterdir()}
    assert names == {"index.html", "export.json", "prior.onnx", "generator.onnx", "LICENSE-onnxruntime.txt"}
    page = (out / "index.html").read_text("utf-8")
    for role in ("prior", "generator"):
        text = re.search(rf'id="data-{role}">([A-Za-z0-9+/=]+)</script>', page)
        assert text is not None
        assert gzip.decompress(base64.b64decode(text[1])) == (out / f"{role}.onnx").read_bytes()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; ")
    assert "connect-src" not in policy[1]
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    pins = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    assert [f"'sha256-{pin}'" in policy[1] for pin in pins] == [True, True]
    assert not re.search(r"(?:src|href)=[\"'](?!data:)", page)
    manifest = json.loads((out / "export.json").read_text("utf-8"))
    assert manifest["page"]["sha256"] == hashlib.sha256(page.encode()).hexdigest()
    assert manifest["page"]["runtime"] == runtime.VERSION


def test_texts_of_a_release_stay_texts(stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    from zoo_export import export as exporting

    honest = exporting.release_facts

    def evil(release: Any) -> Any:
        return dataclasses.replace(honest(release), credits=("<script>alert(1)</script>\x1b",), name="</script><b>")

    monkeypatch.setattr(exporting, "release_facts", evil)
    export_page(released(tmp_path / "release"), tmp_path / "out", runtime=stand_in)
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert "<script>alert" not in page
    assert "<b>" not in page
    assert page.count("</script>") == 1 + 4 + 2  # facts, four blocks, two scripts
    assert "\x1b" not in page


def test_other_bytes_than_the_pinned_ones_are_never_put_into_a_page(stand_in: Path, tmp_path: Path) -> None:
    (stand_in / "dist" / "ort.wasm.min.js").write_bytes(b"// someone else's")
    with pytest.raises(IntegrityError, match=r"ort\.wasm\.min\.js of .* is not that of onnxruntime-web"):
        export_page(released(tmp_path / "release"), tmp_path / "out", runtime=stand_in)
    assert not (tmp_path / "out").exists()


def test_a_runtime_that_is_not_there_is_named_with_the_next_step(
    stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stand_in / "dist" / "ort-wasm-simd-threaded.wasm").unlink()
    with pytest.raises(ConfigError, match=r"does not hold onnxruntime-web: ort-wasm-simd-threaded\.wasm"):
        runtime.read_runtime(stand_in)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="there is no npm to fetch it") as error:
        runtime.read_runtime()
    assert "--runtime" in error.value.hint


def a_npm(folder: Path, script: str) -> None:
    folder.mkdir()
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(0o755)


def test_what_npm_fetches_is_checked_and_its_failure_is_told(
    stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(stand_in, "package")
    (tmp_path / "package.tgz").write_bytes(packed.getvalue())
    a_npm(tmp_path / "good", f'cp {tmp_path / "package.tgz"} "$4/onnxruntime-web.tgz"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'good'}:/usr/bin:/bin")
    assert set(runtime.read_runtime()) == set(runtime.PINS)
    a_npm(tmp_path / "bad", "echo 'npm error network unreachable' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bad'}:/usr/bin:/bin")
    with pytest.raises(RemoteError, match="network unreachable") as error:
        runtime.read_runtime()
    assert "--runtime" in error.value.hint
    a_npm(tmp_path / "empty", 'tar czf "$4/x.tgz" -C / --files-from /dev/null')
    monkeypatch.setenv("PATH", f"{tmp_path / 'empty'}:/usr/bin:/bin")
    with pytest.raises(IntegrityError, match="lacks a file"):
        runtime.read_runtime()


def test_a_release_without_a_gan_has_no_page(stand_in: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"spatial\.photos4 holds no GAN"):
        export_page("spatial.photos4", tmp_path / "out", runtime=stand_in)


# ---------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install '.[browser]'"
    )
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_api.sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        except sync_api.Error as error:
            pytest.skip(f"no Chromium: {str(error).splitlines()[0]}. Install one: playwright install chromium")
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """onnxruntime-web as npm has it."""
    folder = tmp_path_factory.mktemp("npm")
    if shutil.which("npm") is None:
        pytest.skip("no npm, which fetches onnxruntime-web")
    words = ["npm", "pack", "--silent", "--pack-destination", str(folder), f"onnxruntime-web@{runtime.VERSION}"]
    if subprocess.run(words, capture_output=True, cwd=folder).returncode:
        pytest.skip("npm cannot fetch onnxruntime-web")
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


class Page:
    """An opened page, what its console said, and whom it asked."""

    def __init__(self, browser: Any, file: Path, width: int) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": 844})
        self.page.set_default_timeout(60_000)
        self.errors: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())
        self.page.locator("#play:enabled, .failed").first.wait_for()

    def pixels(self, selector: str) -> list[list[int]]:
        """The pixels of each canvas, RGBA."""
        code = "(all) => all.map((c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data])"
        pixels: list[list[int]] = self.page.locator(selector).evaluate_all(code)
        return pixels

    def until_other(self, selector: str, than: list[list[int]]) -> list[list[int]]:
        """The pixels, once they are others."""
        for _ in range(200):
            if (now := self.pixels(selector)) != than:
                return now
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{selector} stays as it is")


@pytest.mark.browser
@pytest.mark.parametrize(("width", "precision"), [(390, "int8"), (1280, "fp32"), (390, "fp16")])
def test_the_page_samples_and_walks_without_a_request(
    chromium: Any, package: Path, tmp_path: Path, width: int, precision: Any
) -> None:
    export_page("dcgan.mnist5k", tmp_path / "out", precision=precision, runtime=package)
    seen = Page(chromium, tmp_path / "out" / "index.html", width)
    assert "16 pictures in" in seen.page.inner_text("#status")
    first = seen.pixels("#grid canvas")
    assert len(first) == 16
    assert len({tuple(picture) for picture in first}) == 16
    bright = np.array(first)[..., ::4].mean()
    assert 20 < bright < 50  # as digits are: 0 to 255
    walk = seen.pixels("#picture")
    seen.page.get_by_label("From first to second").fill("0")
    start = seen.until_other("#picture", walk)
    assert np.abs(np.array(start[0]) - np.array(first[0])).max() <= 2  # the walk begins at the first picture
    seen.page.get_by_label("Picture 6").click()
    assert np.abs(np.array(seen.until_other("#picture", start)[0]) - np.array(first[1])).max() <= 2
    seen.page.get_by_role("button", name="Play").click()
    seen.until_other("#picture", seen.pixels("#picture"))
    seen.page.get_by_role("button", name="Stop").click()
    seen.page.get_by_role("button", name="New samples").click()
    second = seen.until_other("#grid canvas", first)
    seen.page.get_by_label("Seed").fill("0")
    seen.page.get_by_label("Seed").blur()
    assert seen.until_other("#grid canvas", second) == first  # a seed gives the same pictures again
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    assert not seen.page.get_by_label("Class").is_visible()
    assert not seen.page.get_by_role("button", name="Reset").is_visible()
    assert seen.errors == []
    assert [url for url in seen.asked if not url.startswith(("file:", "blob:"))] == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_edits_along_the_directions_of_the_release(
    chromium: Any, package: Path, tmp_path: Path, width: int
) -> None:
    """At strength 1 into a class, and along a component, as the release itself; Reset takes it back."""
    pair = zoo.load("dcgan.mnist5k")
    assert pair.gan is not None
    digits = zoo.open_images("mnist5k", like=pair.gan.output, limit=600)
    words = ["directions", "save", "dcgan.mnist5k", "--write", str(tmp_path / "release"), "--version", "9.0.0"]
    for name, found in {
        "classes": zoo.find_directions(pair, digits, centres=2),
        "axes": zoo.find_directions(pair, components=3),
    }.items():
        zoo.write_directions(tmp_path / f"{name}.safetensors", found)
        words.append(str(tmp_path / f"{name}.safetensors"))
    assert CliRunner().invoke(command, words).exit_code == 0
    export_page(tmp_path / "release", tmp_path / "out", runtime=package)
    seen = Page(chromium, tmp_path / "out" / "index.html", width)
    before = seen.pixels("#picture")
    seen.page.get_by_label("Component 2").fill("2")
    moved = seen.until_other("#picture", before)
    seen.page.get_by_role("button", name="Reset").click()
    assert seen.until_other("#picture", moved) == before
    seen.page.get_by_label("Into class").select_option("8")
    seen.page.get_by_label("How far").fill("1")
    eight = np.array(seen.until_other("#picture", before)[0]).reshape(32, 32, 4)[..., 0]
    codes = pair.autoencoder.encode(
        zoo.plugin.from_uint8(torch.from_numpy(eight)[None, None].to(torch.uint8), digits.spec)
    )
    centres = zoo.read_directions(tmp_path / "classes.safetensors")
    distances = torch.cdist(codes, centres.vectors.flatten(0, 1)).view(-1, 2).min(1).values
    assert centres.names[int(distances.argmin())] == "8"
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    assert seen.errors == []
    assert [url for url in seen.asked if not url.startswith(("file:", "blob:"))] == []


@pytest.mark.browser
def test_the_page_of_a_gan_of_codes_with_classes_draws_the_class_asked_for(
    chromium: Any, package: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 2
    photos = rng.integers(0, 40, (120, 16, 16, 3), np.uint8) + (labels * 200).astype(np.uint8)[:, None, None, None]
    file = tmp_path / "photos.npz"
    np.savez(file, images=photos, labels=labels, classes=np.array(["dark", "bright"]), train=np.arange(120) < 100)
    spatial = PartSpec("spatial", {"factor": 2, "width": 4})
    source = zoo.autoencoder(spatial, spatial, shape=(3, 16, 16), code_shape=(3, 8, 8))
    train(source, file, out=tmp_path / "ae", images=8, training={"batch": 8}).release(tmp_path / "stage", license="MIT")
    words = [
        "transfer",
        tmp_path / "stage",
        "--data",
        file,
        "--space",
        "codes",
        "--by-class",
        "--out",
        tmp_path / "run",
    ]
    words += ["--generator", "r3gan", "--discriminator", "r3gan", "--set", "generator.width=4", "--images", 40]
    done = CliRunner().invoke(command, list(map(str, words)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    open_run(tmp_path / "run").release(tmp_path / "release", license="MIT")
    words = ["export", str(tmp_path / "release"), str(tmp_path / "out"), "--format", "web", "--runtime", str(package)]
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    assert "first_stage_decoder" in done.output
    seen = Page(chromium, tmp_path / "out" / "index.html", 390)
    drawn = seen.pixels("#grid canvas")
    assert len(drawn[0]) == 16 * 16 * 4
    seen.page.get_by_label("Class").select_option("bright")
    bright = seen.until_other("#grid canvas", drawn)
    seen.page.get_by_label("Class").select_option("dark")
    assert seen.until_other("#grid canvas", bright) != drawn
    assert seen.errors == []
