"""The page, the gallery and an exported Space in a real browser: `pytest -m browser`.

Needs the extra `browser` (playwright) and a Chromium: playwright's own or the system's `chromium`. With
ZOO_SCREENSHOTS=DIR what was seen is kept, at 1280 and 390 pixels; with ZOO_AXE=axe.min.js (npm's axe-core) the pages
are checked for accessibility too.
"""

from __future__ import annotations

import importlib.util
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers import released
from PIL import Image

import zoo

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PATIENCE = 120_000
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed: pip install '.[browser]'")
    from playwright.sync_api import Error, sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        except Error as error:
            pytest.skip(f"no Chromium: {str(error).splitlines()[0]}. Install one: playwright install chromium")
        yield browser
        browser.close()


@contextmanager
def served(words: list[str], folder: Path) -> Iterator[str]:
    """A page in a process of its own, without the Hub; gives its address."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PORT": "7890"}
    environment |= {name: str(folder / "home") for name in ("ZOO_CONFIG", "ZOO_CACHE", "HF_HOME")}
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said: list[str] = []
    try:
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+[^\s)]*", line):
                yield found[0].removesuffix("/")
                break
        else:
            pytest.fail(f"no page: {''.join(said)[-2000:]}")
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(PATIENCE / 1000)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


class Visit:
    """A page with what its console said and whom it asked."""

    def __init__(self, browser: Any, address: str, width: int = 1280) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": 900})
        self.page.set_default_timeout(PATIENCE)
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.goto(address)

    def _asked(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "data:", "blob:", "file:", "ws://127.0.0.1:")):
            self.outside.append(url)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).locator("visible=true").click()

    def view(self, name: str) -> None:
        """Follow a link of the navigation."""
        self.page.get_by_role("link", name=name, exact=True).locator("visible=true").first.click()

    def drawn(self, selector: str, other_than: str = "") -> str:
        """What an image shows, once it is there (and is another picture than before)."""
        image = self.page.locator(selector)
        shown = "(image) => image.naturalWidth && !image.ariaBusy && image.dataset.address || ''"
        return str(until(lambda: image.count() and (at := image.first.evaluate(shown)) not in ("", other_than) and at))

    def download(self, name: str) -> bytes:
        """What a button saves."""
        with self.page.expect_download() as waiting:
            self.press(name)
        return Path(waiting.value.path()).read_bytes()

    def slide(self, label: str, value: float) -> None:
        """Move a slider, as keys do."""
        self.page.get_by_label(label).locator("visible=true").fill(str(value))

    def keep(self, name: str) -> None:
        """Nothing is wider than a phone; what is seen at two widths, as pictures."""
        for width in (390, 1280):
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.wait_for_timeout(700)
            if folder := os.environ.get("ZOO_SCREENSHOTS"):
                self.page.screenshot(path=str(Path(folder) / f"{name}-{width}.png"), full_page=True)
            assert self.page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} at {width}"

    def check(self, *expected: str) -> None:
        """No error but the expected, no request to the outside, nothing serious for axe."""
        assert [error for error in self.errors if not any(words in error for words in expected)] == []
        assert self.outside == []
        self.check_access()

    def check_words(self) -> None:
        """No flag of a command, which nobody can type into a page."""
        assert not re.search(r"(?<![\w-])--[a-z]", self.page.locator("main").inner_text())

    def check_access(self) -> None:
        script = os.environ.get("ZOO_AXE")
        if script:
            self.page.evaluate(Path(script).read_text("utf-8"))
            violations = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
            serious = {one["id"]: one["nodes"][0]["html"] for one in violations}
            assert {one["id"] for one in violations if one["impact"] in ("serious", "critical")} == set(), serious


def until(seen: Callable[[], Any], patience: float = PATIENCE / 1000) -> Any:
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if value := seen():
            return value
        time.sleep(0.1)
    raise AssertionError("it did not come in time")


def play(visit: Visit, upload: Path, name: str) -> None:
    """The clicks of somebody who plays: samples, seeds, map, sliders, walk, arithmetic, a picture of one's own."""
    page = visit.page
    tiles = page.locator("button.tile img")
    until(lambda: tiles.count() == 24)
    visit.keep(f"{name}-samples")
    visit.check_access()
    first = tiles.first.get_attribute("data-address")
    assert first is not None
    assert "seed=0" in first
    visit.press("New pictures")
    until(lambda: tiles.count() == 24 and "seed=24" in (tiles.first.get_attribute("data-address") or ""))
    page.get_by_role("button", name="Picture of seed 26").click()
    visit.drawn("dialog img")
    assert "pick=26" in page.url
    visit.keep(f"{name}-picked")
    visit.check_access()
    assert visit.download("Download").startswith(b"\x89PNG")
    visit.press("Keep")
    visit.press("B")  # of a walk
    visit.drawn("#film")
    assert "stops=0%2C26%2C2" in page.url
    gif = visit.download("Download as GIF")
    with Image.open(io.BytesIO(gif)) as film:
        assert (film.format, getattr(film, "n_frames", 1)) == ("GIF", 36)
    assert visit.download("Download as WebP")[8:12] == b"WEBP"
    visit.press("Pause")
    until(lambda: "/picture.png" in visit.drawn("#film"))
    visit.keep(f"{name}-walk")
    visit.check_access()
    visit.view("Map")
    visit.drawn(".mosaic")
    before = visit.drawn("#here")
    box = page.locator(".map").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    for step in range(1, 9):
        page.mouse.move(box["x"] + 20 + 20 * step, box["y"] + 20 + 10 * step)
    live = visit.drawn("#here", other_than=before)  # while the button is down
    page.mouse.up()
    visit.slide("Across", 0.25)
    until(lambda: "x=0.250" in visit.drawn("#here"))
    assert live != visit.drawn("#here")
    assert "x=0.250" in page.url
    visit.keep(f"{name}-map")
    visit.check_access()
    page.get_by_label("Map", exact=True).select_option("around")
    until(lambda: "seed=0" in visit.drawn(".mosaic"))
    visit.view("Sliders")
    visit.drawn("#changed")
    visit.slide("Direction 1", 2.5)
    until(lambda: "components%3A1%3A2.5" in visit.drawn("#changed"))
    visit.keep(f"{name}-sliders")
    visit.check_access()
    visit.view("Mix")
    visit.drawn("#sum")
    visit.keep(f"{name}-mix")
    visit.view("Your picture")
    visit.page.get_by_label("Your picture", exact=True).set_input_files(upload)
    visit.drawn("img[alt^='Your picture']")
    visit.drawn("img[alt^='Logits']")
    words = page.get_by_text(re.compile(r"[+-][0-9.]+: more real than \d+% of real and \d+% of generated images\."))
    words.wait_for()
    visit.keep(f"{name}-yours")
    visit.check_access()
    visit.view("Samples")
    page.get_by_role("button", name="Kept picture of seed 26").wait_for()


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    from PIL import ImageDraw

    picture = Image.new("RGB", (64, 64))
    ImageDraw.Draw(picture).line([(20, 12), (20, 52), (44, 52)], fill="white", width=7)
    picture.save(tmp_path / "upload.png")
    return tmp_path / "upload.png"


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    """Two folders of 24 small pictures, zipped, with a file that is none."""
    import numpy as np

    rng = np.random.default_rng(0)
    with zipfile.ZipFile(tmp_path / "My holidays.zip", "w") as archive:
        for number in range(48):
            pixels = rng.integers(0, 256, (8, 8, 3), np.uint8).repeat(4, 0).repeat(4, 1)
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "PNG")
            archive.writestr(f"{'sea' if number % 2 else 'hills'}/{number}.png", file.getvalue())
        archive.writestr("notes.txt", "sunny")
    return tmp_path / "My holidays.zip"


def test_somebody_plays_and_a_view_can_be_shared(chromium: Any, upload: Path, tmp_path: Path) -> None:
    with served(["-m", "zoo", "ui", "--runs", str(tmp_path / "runs"), "--port", "7889"], tmp_path) as address:
        visit = Visit(chromium, address)
        visit.page.get_by_role("heading", name="dcgan.emoji-noto64").wait_for()  # the largest in colour
        play(visit, upload, "play")
        visit.view("Models")
        until(lambda: visit.page.locator("a.card").count() >= 5)
        visit.page.get_by_text("No run yet").wait_for()
        visit.keep("models")
        visit.check()
        visit.page.goto(f"{address.partition('?')[0]}#/play?view=map&corners=5,6,7,8&x=0.100&y=0.900")
        until(lambda: "corners=5%2C6%2C7%2C8" in (at := visit.drawn("#here")) and "x=0.100&y=0.900" in at)
        visit.page.goto(f"{address.partition('?')[0]}#/play?model=nobody")
        visit.page.get_by_role("alert").get_by_text("There is no model 'nobody'").wait_for()
        visit.keep("nobody")
        visit.check_words()
        visit.check("status of 400")


def test_images_are_uploaded_and_a_run_goes_from_start_to_release(chromium: Any, zipped: Path, tmp_path: Path) -> None:
    with served(["-m", "zoo", "ui", "--runs", str(tmp_path / "runs"), "--port", "7889"], tmp_path) as address:
        visit = Visit(chromium, address)
        page = visit.page
        visit.view("Runs")
        page.get_by_text("No run yet").wait_for()
        visit.keep("no-run")
        visit.view("New run")
        visit.keep("train")
        visit.check_words()
        visit.check_access()
        hostile = tmp_path / "hostile.zip"
        with zipfile.ZipFile(hostile, "w") as archive:
            archive.writestr("../../outside.png", b"x")
        page.get_by_label("Or a zip of one").set_input_files(hostile)
        page.get_by_role("alert").get_by_text("is not the name of a file in a folder").wait_for()
        visit.keep("hostile-zip")
        page.get_by_label("Or a zip of one").set_input_files(zipped)
        page.locator("main").get_by_text("48 images are uploaded; other files that were left out: 1.").wait_for()
        visit.drawn("img[alt='Some of the images']")
        assert len(list((tmp_path / "runs" / "images" / "my-holidays").rglob("*.png"))) == 48
        page.get_by_label("Model", exact=True).select_option("dcgan.mnist5k")
        page.get_by_label("Train another one from scratch beside it").check()
        page.get_by_text("Settings", exact=True).click()
        page.get_by_label("decoder-init", exact=True).check()
        page.get_by_label("encoder-init", exact=True).check()
        visit.press("Explain the plan")
        diagram = page.locator("#plan svg[role=img]")
        diagram.wait_for()
        assert "14 copied" in (diagram.get_attribute("aria-label") or "")
        visit.keep("plan")
        visit.check_words()
        visit.check_access()
        page.get_by_label("Learn first").fill("0")
        page.get_by_label("Images shown", exact=True).fill("40000")
        page.get_by_label("Images shown", exact=True).press("Tab")
        page.get_by_label("Measure the quality").uncheck()
        visit.press("Start training")
        state = page.locator("#now")
        until(lambda: "running" in state.inner_text() and "images shown" in state.inner_text())
        until(lambda: page.locator(".uncover img").count() == 2)
        visit.slide("Before and after", 20)
        assert "20%" in (page.locator(".uncover .top").get_attribute("style") or "")
        visit.keep("running")
        visit.check_access()
        visit.view("Runs")
        until(lambda: page.locator("article.run").count() == 2)
        visit.keep("runs-running")
        for box in page.get_by_label(re.compile("^Compare my-holidays")).all():
            box.check()
        visit.press("Compare the chosen")
        until(lambda: "Where the recipes differ" in page.locator("#compared").inner_text())
        visit.keep("compare")
        visit.check_access()
        visit.view("Runs")
        page.locator("article.run", has_text="scratch").get_by_role("link").click()
        visit.press("Stop")
        until(lambda: "stopped" in state.inner_text())
        assert page.get_by_role("button", name="Stop").count() == 0, "nothing runs"
        visit.view("Runs")
        page.locator("article.run", has_text="decoder-init").get_by_role("link").click()
        visit.press("Stop")
        until(lambda: "stopped" in state.inner_text())
        [run] = [path for path in (tmp_path / "runs").iterdir() if "decoder-init" in path.name]
        assert any((run / "checkpoints").iterdir())
        visit.press("Continue")
        until(lambda: "running" in state.inner_text())
        for process in processes_of(run):
            os.kill(process, signal.SIGKILL)  # the machine's memory ran out, say
        until(lambda: "failed" in state.inner_text())
        visit.keep("failed")
        visit.check_words()
        page.get_by_text("Release it").click()
        page.get_by_label("Name", exact=True).fill("dcgan.mine")
        page.get_by_label("Folder", exact=True).fill(str(tmp_path / "release"))
        visit.press("Release")
        page.get_by_role("alert").get_by_text("does not keep the terms of the source dcgan.mnist5k").wait_for()
        page.get_by_label("License").fill("CC-BY-SA-3.0")
        visit.press("Release")
        page.get_by_text("dcgan.mine 0.1.0 is in").wait_for()
        assert zoo.load(tmp_path / "release").gan.sample(1, seed=0).shape[0] == 1
        visit.keep("released")
        page.locator("details.release").get_by_role("link", name="Play with it").click()
        until(lambda: page.locator("button.tile img").count() == 24)
        page.get_by_text("dcgan.mine 0.1.0: a GAN").wait_for()
        visit.check("status of 400", "status of 404")


def test_a_model_with_classes_is_asked_for_them(chromium: Any, tmp_path: Path) -> None:
    words = ["transfer", "dcgan.mnist5k", "--data=mnist5k", "--by-class", "--images=64", "--batch=32", "--quiet"]
    command = [sys.executable, "-m", "zoo", *words, f"--out={tmp_path / 'runs' / 'digits'}"]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    with served(["-m", "zoo", "ui", "--runs", str(tmp_path / "runs"), "--port", "7889"], tmp_path) as address:
        visit = Visit(chromium, address)
        visit.view("Models")
        visit.page.locator("a.card", has_text="digits").click()
        visit.page.get_by_label("Class", exact=True).select_option("7")
        until(lambda: visit.page.locator("button.tile img[data-address*='class=7']").count() == 24)
        visit.page.get_by_label("Class", exact=True).select_option("a row of each")
        until(lambda: visit.page.locator("button.tile img").count() == 40)
        visit.keep("classes")
        visit.view("Sliders")
        visit.press("Directions of classes")
        visit.slide("Towards 3", 1)
        until(lambda: "classes%3A3%3A1" in visit.drawn("#changed"))
        visit.keep("class-sliders")
        visit.check("status of 404")


def processes_of(run: Path) -> list[int]:
    """The ids of the processes that train into a folder, from the system's table."""
    done = subprocess.run(["ps", "-ww", "-eo", "pid=,args="], capture_output=True, text=True, check=True)
    return [int(line.split()[0]) for line in done.stdout.splitlines() if f"resume --quiet -- {run}" in line]


def test_an_exported_space_starts_and_takes_the_same_clicks(chromium: Any, upload: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "zoo", "ui", "dcgan.mnist5k", "--export-space", str(tmp_path / "space")]
    subprocess.run(words, check=True, capture_output=True)
    with served([str(tmp_path / "space" / "app.py")], tmp_path) as address:
        visit = Visit(chromium, address)
        until(lambda: "dcgan.mnist5k" in visit.page.title())
        play(visit, upload, "space")
        assert visit.page.get_by_role("link", name="Train").count() == 0
        visit.check()


def test_the_docs_can_be_read_and_searched_by_everybody(chromium: Any, tmp_path: Path) -> None:
    if importlib.util.find_spec("zensical") is None:
        pytest.skip("zensical is not installed: pip install 'aegan-zoo[docs]'")
    root, site = Path(__file__).parent.parent, str(tmp_path / "site")
    shutil.copytree(root / "docs", tmp_path / "docs")
    shutil.copy(root / "mkdocs.yml", tmp_path)
    words = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", "mkdocs.yml"]
    subprocess.run(words, check=True, capture_output=True, cwd=tmp_path)
    with served(["-u", "-m", "http.server", "7891", "--bind", "127.0.0.1", "-d", site], tmp_path) as address:
        for page in ("index", "your-images"):
            visit = Visit(chromium, f"{address}/{page}.html")
            visit.check()
            visit.keep(f"docs-{page}")
            visit.page.keyboard.press("/")
            dialog = visit.page.locator("dialog[aria-label=Search]")
            dialog.wait_for()
            visit.page.keyboard.type("walk video")
            dialog.get_by_text("Make a walk video").first.wait_for()


def test_the_gallery_opens_from_a_path(chromium: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zoo_ui.gallery import gallery

    from zoo.registry.edit import add

    add(str(released(tmp_path / "release")), tmp_path / "lab.toml")
    monkeypatch.setenv("ZOO_REGISTRY", str(tmp_path / "lab.toml"))
    table = tmp_path / "t.csv"
    table.write_text("arm,kid\nb,0.5\na,0.25\nc,\nd,10\n")
    pages = gallery(tmp_path / "site", results=table)
    for page in pages:
        visit = Visit(chromium, page.as_uri(), width=390)
        broken = "[...document.images].filter((image) => !image.naturalWidth).length"
        assert visit.page.evaluate(broken) == 0
        visit.check()
        visit.keep(f"gallery-{page.stem}")
    visit = Visit(chromium, pages[0].as_uri())
    visit.page.get_by_role("link", name="dcgan.emoji-noto64", exact=True).click()
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.page.get_by_role("button", name="Copy zoo pull dcgan.emoji-noto64").click()
    visit.page.get_by_text("Copied", exact=True).wait_for()
    assert visit.page.evaluate("navigator.clipboard.readText()") == "zoo pull dcgan.emoji-noto64"
    visit = Visit(chromium, pages[2].as_uri())
    head = visit.page.locator("th button", has_text="kid")
    head.click()
    cells = (
        "[...document.querySelectorAll('table:last-of-type tbody tr')].map((row) => row.cells[0].textContent).slice(-4)"
    )
    assert visit.page.evaluate(cells) == ["a", "b", "d", "c"]  # by number, what has none at the end
    head.click()
    assert visit.page.evaluate(cells) == ["d", "b", "a", "c"]
