"""The page, the gallery and an exported Space in a real browser: `pytest -m browser`.

Needs the extra `browser` (playwright, gradio) and a Chromium: playwright's own or the system's `chromium`. With
ZOO_SCREENSHOTS=DIR what was seen is kept, at 1280 and 390 pixels; with ZOO_AXE=axe.min.js (npm's axe-core) the pages
are checked for accessibility too.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers import released

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
THEIRS = {
    "button-name",
    "color-contrast",
    "image-redundant-alt",
    "aria-input-field-name",
    "label",
    "label-content-name-mismatch",
}
"""What axe finds in gradio's own controls."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    missing = [name for name in ("playwright", "gradio") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed: pip install '.[browser]' ./plugins/ui")
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
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "GRADIO_SERVER_PORT": "7890"}
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
            if found := re.search(r"http://127\.0\.0\.1:\d+\S*", line):
                yield found[0]
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

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).locator("visible=true").click()

    def picture(self, name: str, other_than: str = "") -> str:
        """The picture's address, once there is one (another than before)."""
        image = self.page.locator(f"img[alt='{name}']").locator("visible=true")
        return str(until(lambda: image.count() and (src := image.first.get_attribute("src")) != other_than and src))

    def choose(self, label: str, text: str) -> None:
        field = self.page.get_by_label(label, exact=True).locator("visible=true")
        field.click()
        field.fill(text)
        field.press("Enter")

    def attach(self, upload: Path, nth: int = 0) -> None:
        """Give a picture to a field that is seen, and wait until the server has it."""
        fields = self.page.get_by_test_id("image").filter(has=self.page.locator("input[type=file]"))
        field = fields.locator("visible=true").nth(nth)
        field.locator("input[type=file]").set_input_files(upload)
        field.get_by_label("Remove Image").wait_for()

    def keep(self, name: str) -> None:
        """Nothing is wider than a phone; what is seen at two widths, as pictures."""
        for width in (390, 1280):
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.wait_for_timeout(700)
            if folder := os.environ.get("ZOO_SCREENSHOTS"):
                self.page.screenshot(path=str(Path(folder) / f"{name}-{width}.png"), full_page=True)
            assert self.page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} at {width}"

    def check(self, *exempt: str) -> None:
        """No error, no request to the outside, nothing serious for axe."""
        assert self.errors == []
        assert self.outside == []
        script = os.environ.get("ZOO_AXE")
        if script:
            self.page.evaluate(Path(script).read_text("utf-8"))
            found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
            serious = {one["id"]: one["nodes"][0]["html"] for one in found if one["impact"] in ("serious", "critical")}
            assert {key: value for key, value in serious.items() if key not in exempt} == {}


def until(seen: Callable[[], Any], patience: float = PATIENCE / 1000) -> Any:
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if value := seen():
            return value
        time.sleep(0.1)
    raise AssertionError("it did not come in time")


def play(visit: Visit, upload: Path, name: str) -> None:
    """The clicks of somebody who plays: sample, another seed, walk, upload, add, judge."""
    visit.press("Sample")
    first = visit.picture("Samples")
    seed = visit.page.get_by_label("Seed", exact=True).locator("visible=true")
    seed.fill("5")
    seed.press("Enter")
    visit.picture("Samples", other_than=first)
    visit.keep(f"{name}-sample")
    visit.tab("Walk")
    visit.press("Walk")
    there = visit.picture("Walks")
    visit.page.get_by_label("To seed", exact=True).fill("7")
    visit.press("Walk")
    visit.picture("Walks", other_than=there)
    visit.keep(f"{name}-walk")
    visit.tab("Reconstruct")
    visit.attach(upload)
    visit.press("Reconstruct")
    visit.picture("Reconstruction and neighbours")
    visit.keep(f"{name}-reconstruct")
    visit.tab("Arithmetic")
    visit.press("Add")
    seeds = visit.picture("Sum")
    visit.attach(upload, 1)
    visit.press("Add")
    visit.picture("Sum", other_than=seeds)
    visit.keep(f"{name}-arithmetic")
    visit.tab("Discriminate")
    visit.press("Compute the logit")
    others = visit.picture("Logits of real and generated images")
    visit.attach(upload)
    visit.press("Compute the logit")
    visit.picture("Logits of real and generated images", other_than=others)
    words = visit.page.get_by_label("Logit of your image").input_value()
    assert re.fullmatch(r"[+-][0-9.]+: more real than \d+% of real and \d+% of generated images\.", words), words
    visit.keep(f"{name}-discriminate")


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (64, 64))
    ImageDraw.Draw(picture).line([(20, 12), (20, 52), (44, 52)], fill="white", width=7)
    picture.save(tmp_path / "upload.png")
    return tmp_path / "upload.png"


def test_somebody_plays_explains_and_trains(chromium: Any, upload: Path, tmp_path: Path) -> None:
    with served(["-m", "zoo", "ui", "--runs", str(tmp_path / "runs"), "--port", "7889"], tmp_path) as address:
        visit = Visit(chromium, address)
        play(visit, upload, "play")
        visit.tab("Transfer")
        visit.choose("Images", "mnist5k")
        visit.choose("Strategies", "decoder-init")
        visit.choose("Strategies", "encoder-init")
        visit.press("Explain")
        drawn = visit.page.locator("#explained svg[role=img]")
        drawn.wait_for()
        assert "14 copied" in (drawn.get_attribute("aria-label") or "")
        visit.keep("explain")
        visit.page.get_by_label("Learn first").fill("0")
        visit.page.get_by_label("Images shown", exact=True).fill("20000")
        visit.page.get_by_label("Measure KID on the way").uncheck()
        visit.press("Start")
        visit.picture("Newest samples")
        state = visit.page.locator("#now")
        until(lambda: "running" in state.inner_text())
        until(lambda: visit.page.locator("img[alt='Losses']").locator("visible=true").count())
        visit.keep("watch")
        visit.press("Stop")
        until(lambda: "stopped" in state.inner_text())
        [run] = [path.parent for path in (tmp_path / "runs").rglob("recipe.toml")]
        assert any((run / "checkpoints").iterdir())
        visit.page.get_by_text("Release it").click()
        visit.page.get_by_label(re.compile(r"^\s*Name")).fill("dcgan.mine")
        visit.page.get_by_label("License").fill("CC-BY-SA-3.0")
        visit.page.get_by_label("Folder", exact=True).fill(str(tmp_path / "release"))
        visit.press("Release")
        visit.page.get_by_text("dcgan.mine 0.1.0 is in").wait_for()
        assert zoo.load(tmp_path / "release").gan.sample(1, seed=0).shape == (1, 1, 32, 32)
        visit.keep("release")
        visit.press("Resume")
        until(lambda: "running" in state.inner_text())
        for process in processes_of(run):
            os.kill(process, signal.SIGKILL)  # the machine's memory ran out, say
        until(lambda: "failed" in state.inner_text())
        visit.page.get_by_label("Images shown", exact=True).fill("640")
        visit.page.get_by_label("Measure KID on the way").check()
        visit.press("Start")
        until(lambda: "finished" in state.inner_text())
        visit.picture("KID")
        visit.keep("done")
        visit.tab("Runs")
        visit.press("Look again")
        for name in (run.name, f"{run.name}-2"):
            visit.choose("Runs", name)
        compared = visit.page.locator("#compared")
        until(lambda: "Where the recipes differ" in compared.inner_text())
        assert "gan.training.images" in compared.inner_text()
        visit.picture("KID of the runs")
        visit.picture("Newest samples of the runs")
        visit.page.get_by_role("heading", name="Zoo", exact=True).click()  # the list of runs closes
        visit.keep("runs")
        visit.tab("Transfer")
        visit.page.get_by_label("Learn first").fill("60000")
        visit.press("Start")
        until(lambda: "running: the autoencoder learns your images first" in state.inner_text())
        visit.keep("learn")
        visit.press("Stop")
        until(lambda: "stopped" in state.inner_text())
        visit.press("Resume")
        until(lambda: "running: the autoencoder" in state.inner_text())
        visit.press("Stop")
        until(lambda: "stopped" in state.inner_text())
        visit.tab("Play")
        visit.choose("Model", str(tmp_path / "release"))
        until(lambda: visit.page.get_by_text("dcgan.mine 0.1.0: a GAN").count())
        visit.tab("Sample")
        before = visit.picture("Samples")
        visit.press("Sample")
        visit.picture("Samples", other_than=before)
        visit.check(*THEIRS)


def processes_of(run: Path) -> list[int]:
    """The ids of the processes that train into a folder, from the system's table."""
    done = subprocess.run(["ps", "-ww", "-eo", "pid=,args="], capture_output=True, text=True, check=True)
    return [int(line.split()[0]) for line in done.stdout.splitlines() if f"resume --quiet -- {run}" in line]


def test_an_exported_space_starts_and_takes_the_same_clicks(chromium: Any, upload: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "zoo", "ui", "dcgan.mnist5k", "--export-space", str(tmp_path / "space")]
    subprocess.run(words, check=True, capture_output=True)
    with served([str(tmp_path / "space" / "app.py")], tmp_path) as address:
        visit = Visit(chromium, address)
        until(lambda: visit.page.title() == "dcgan.mnist5k")
        play(visit, upload, "space")
        assert visit.page.get_by_role("tab", name="Transfer").count() == 0
        visit.check(*THEIRS)


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
            visit.page.get_by_role("dialog", name="Search").wait_for()
            visit.check()
            visit.keep(f"docs-{page}")


def test_the_gallery_opens_from_a_path(chromium: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zoo_ui.gallery import gallery

    from zoo.registry.edit import add

    add(str(released(tmp_path / "release")), tmp_path / "lab.toml")
    monkeypatch.setenv("ZOO_REGISTRY", str(tmp_path / "lab.toml"))
    table = tmp_path / "t.csv"
    table.write_text("arm,kid\nb,0.5\na,0.25\nc,\nd,10\n")
    for page in gallery(tmp_path / "site", results=table):
        visit = Visit(chromium, page.as_uri(), width=390)
        broken = "[...document.images].filter((image) => !image.naturalWidth).length"
        assert visit.page.evaluate(broken) == 0
        visit.check()
        visit.keep(f"gallery-{page.stem}")
    head = visit.page.locator("th button", has_text="kid")
    head.click()
    cells = (
        "[...document.querySelectorAll('table:last-of-type tbody tr')].map((row) => row.cells[0].textContent).slice(-4)"
    )
    assert visit.page.evaluate(cells) == ["a", "b", "d", "c"]  # by number, what has none at the end
    head.click()
    assert visit.page.evaluate(cells) == ["d", "b", "a", "c"]
