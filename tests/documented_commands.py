"""The commands that the README and the docs print, what a folder needs to run those of a page, and what is shortened.

`test_documented_commands.py` runs them in the form printed.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.data.planets import draw_planets

__all__ = ["DIGITS", "EXCEPTIONS", "PAGES", "PREPARED", "SHORTENED", "commands", "shortened"]

ROOT = Path(__file__).parents[1]
APART = {"write-a-plugin.md"}
"""Pages whose blocks are run by a test of their own: test_plugin_docs.py."""
PAGES = [ROOT / "README.md", *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.name not in APART)]

EXCEPTIONS = {
    "zoo demo": "two minutes: test_demo.py runs zoo demo --quick",
    "zoo demo --quick": "most of a minute: test_demo.py runs it",
    "zoo demo --photos": "five minutes: test_demo.py runs it with --quick",
    "zoo ui": "serves until it is stopped: test_ui.py and test_browser.py start it",
    "zoo ui runs/mine --port 8000 --folder ~/photos": "serves until it is stopped: test_ui.py and test_browser.py start it",
    "zoo serve releases/": "serves until it is stopped: test_serve.py starts it",
    "zoo serve releases/ --allow-push --host 0.0.0.0 --name hub.lab:8765": "serves; test_serve.py starts such a one",
    "zoo serve --api dcgan.mnist5k spatial.photos4": "serves until it is stopped: test_serve_api.py starts it",
    "zoo pull hub:releases/dcgan.digits": "of a server that the page starts: test_serve.py pulls from one",
    "zoo pull hub:org/pipeline:vae": "a placeholder: test_diffusers.py reads a folder of a pipeline",
    "zoo pull hub:stabilityai/sd-vae-ft-mse": "335 MB of somebody's Hub: test_diffusers.py and test_first_stage_hub.py pull alike",
    "zoo --registry https://example.org/registry.toml list": "an address that is nobody's: test_registry_fetch.py fetches one",
    "zoo search digits": "the loopback Hub has no search: test_hub.py answers one",
    "zoo export dcgan.mnist5k page/ --format web --runtime onnxruntime-web/package/": "a package of npm: test_export_page.py",
    "zoo transfer dcgan.glyphs-sans32 --data mnist5k --strategy mixed-init --further second=runs/other --out runs/mixed": (
        "a strategy that the page makes up: test_further_sources.py has one"
    ),
    "zoo import taesd:FOLDER --license MIT -o releases/taef2": "FOLDER is a placeholder: test_taesd.py imports one",
    "zoo import diffusers:./my-vae --license MIT -o releases/my-vae": "needs diffusers: test_diffusers.py imports one",
}
"""Commands that no test runs in the form printed, and why."""

SHORTENED = (
    (r"(--images|--adapt|--second-stage) \d+", r"\1 64"),
    (r"--every \d+", "--every 32"),
    (r"--set (sample_every|objective\.start)=\d+", r"--set \1=32"),
    (r"--override (images|gan\.training\.images)=\d+", r"--override \1=96"),
)
"""What is shortened, and nothing else: the numbers of images that are shown, and when something happens on the way."""

TRAINING = re.compile(r"^zoo (transfer|train (gan|autoencoder))\b(?!.* --images )(?!.* --explain)")
"""Commands that show the default number of images, 100,000 or more, to a model: `--images 64` is added."""


def commands(page: Path) -> list[str]:
    """The commands in a page's fenced blocks, comments left out, in their order. In a block with prompts only lines after
    a prompt are commands; the others are what was printed."""
    found = []
    text = page.read_text("utf-8")
    for language, block in re.findall(r"^```(\S*)[^\n]*\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        lines = re.sub(r"\\\n\s*", "", block).splitlines()
        if language == "text" or any(line.startswith("$ ") for line in lines):
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        if language in ("", "text", "sh", "console"):
            for line in lines:
                for part in line.split("  #")[0].split(" && "):
                    words = re.sub(r"^([A-Z_]+=\S+ )*", "", part.strip())
                    found += [words] if re.match(r"zoo (-|[a-z])", words) else []
    return found


def shortened(command: str) -> str:
    """The command with what `SHORTENED` and `TRAINING` say."""
    for pattern, instead in SHORTENED:
        command = re.sub(pattern, instead, command)
    return f"{command} --images 64" if TRAINING.match(command) else command


def pictures() -> None:
    """Folders of pictures in colour: my-images, and photos with two classes."""
    draw_planets(Path("my-images"), 40)
    for i, name in enumerate(("dress", "hat")):
        draw_planets(Path("photos", name), 40, size=128, seed=i + 1)


def from_set(name: str, file: str, row: int) -> None:
    """One image of a bundled set as a file."""
    import zoo

    pixels = zoo.open_images(name, limit=row + 1).pixels[row].permute(1, 2, 0).squeeze(-1).numpy()
    Image.fromarray(pixels).save(file)


def to_edit() -> None:
    """The pictures of edit.md, and its mask."""
    from_set("emoji-noto64", "face.png", 0)
    from_set("emoji-noto64", "party.png", 1)
    from_set("mnist5k", "three.png", 3)
    mask = np.zeros((64, 64), np.uint8)
    mask[16:32, 16:32] = 255
    Image.fromarray(mask).save("hole.png")


def repository() -> None:
    """The recipes that commands of the repository's root name, of 64 images each."""
    for recipe in (ROOT / "recipes").rglob("*.toml"):
        path = Path("recipes", recipe.relative_to(ROOT / "recipes"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(re.sub(r"\bimages = [\d_]+", "images = 64", recipe.read_text("utf-8")), "utf-8")


def folder_of_runs() -> None:
    Path("runs").mkdir()


def table_of_results() -> None:
    """A table that a suite wrote."""
    shutil.copy(next((ROOT / "results").glob("*/table.csv")), "results.csv")


def a_first_stage() -> None:
    """What `zoo import` made: here the bundled one."""
    import zoo_spatial

    shutil.copytree(Path(zoo_spatial.__file__).parent / "releases" / "spatial.photos4", "releases/taef2")


DIGITS = "zoo transfer dcgan.mnist5k --data mnist5k --strategy decoder-init+gmm-prior --images 64"
PREPARED: dict[str, tuple[Callable[[], None] | str, ...]] = {
    "README.md": (pictures,),
    "docs/bench.md": (repository,),
    "docs/browser.md": (table_of_results, folder_of_runs),
    "docs/classes.md": (pictures,),
    "docs/edit.md": (to_edit,),
    "docs/evaluate.md": (f"{DIGITS} --out runs/mine",),
    "docs/first-stages.md": (pictures,),
    "docs/index.md": (pictures,),
    "docs/grey-images.md": (pictures,),
    "docs/pretrained.md": (pictures, a_first_stage),
    "docs/runs.md": tuple(
        f"{DIGITS} --metric judge --every 32 --out runs/{name}" for name in ("first", "scratch", "transfer", "longer")
    ),
    "docs/appendix/founding.md": (repository,),
    "docs/strategies/pixel-finetune.md": (
        pictures,
        "zoo transfer spatial.photos4 --data photos/ --images 64 --out runs/photos",
    ),
    "docs/your-images.md": (pictures,),
}
"""What is done before a page's commands run, in an empty folder: functions, and commands."""


def words(command: str) -> list[str]:
    """The words after `zoo`, as a shell splits them, without where the output goes."""
    command = re.sub(r" > \S+$", "", command)
    return [os.path.expanduser(word) for word in shlex.split(command)[1:]]
