"""The plugins as a user has them: wheels, in a new environment of their own.

python .ci/plugins.py

Builds a wheel of the core, of every distribution in plugins/ and of the sample plugin in examples/, then shows, step by
step: the core works alone and says what to install; a bundled plugin and a stranger's pass the conformance kit; the
stranger's generator learns from a timm encoder and a dcgan discriminator, is released, loaded and sampled; and each
distribution can be upgraded, removed and put back while the core and the others go on. Any step that fails ends the
script with what was run and what it said. With uv the environment takes seconds, with pip as long as torch takes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "examples" / "zoo-example"
BUNDLED = sorted(folder for folder in (ROOT / "plugins").iterdir() if (folder / "pyproject.toml").exists())
UV = shutil.which("uv")
NEWER = "0.99.0"
_IGNORED = shutil.ignore_patterns("__pycache__", ".git", ".venv", "build", "dist", "runs")


@dataclass(frozen=True)
class Environment:
    """A virtual environment and a folder to work in; nothing of this checkout is on its path."""

    folder: Path
    work: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def run(self, *words: object, fails: bool = False) -> str:
        """Run Python with these words; what it printed, both streams. Ends the script unless it fails as expected."""
        return call(self.python, *words, cwd=self.work, fails=fails)

    def zoo(self, *words: object, fails: bool = False) -> str:
        """Run `zoo WORDS`."""
        return self.run("-m", "zoo", *words, fails=fails)

    def install(self, *wheels: object) -> None:
        """Install, or replace by another version."""
        call(*installer(self, "install"), "--quiet", *wheels)

    def remove(self, distribution: str) -> None:
        """Uninstall."""
        call(*installer(self, "uninstall"), *([] if UV else ["--yes"]), distribution)


def main() -> None:
    """Every step, with the seconds it took."""
    with tempfile.TemporaryDirectory() as place:
        environment = Environment(Path(place) / "venv", Path(place) / "work")
        environment.work.mkdir()
        with step("wheels of the core, of every distribution in plugins/ and of the sample plugin"):
            core, wheels, sample = build_all(Path(place))
        with step("the core alone"):
            call(*([UV, "venv", "--quiet"] if UV else [sys.executable, "-m", "venv"]), environment.folder)
            environment.install(core)
            the_core_works_alone(environment)
        with step("the kit on a bundled plugin and on the sample plugin"):
            environment.install(wheels["dcgan"], sample, "pytest>=8.2")
            the_kit_passes(environment, "dcgan")
        with step("train, release, load and sample across plugins"):
            environment.install(wheels["timm"], wheels["transfer"])
            a_stranger_learns_from_bundled_plugins(environment, Path(place))
        environment.install(*wheels.values())
        for name, wheel in wheels.items():
            with step(f"upgrade, remove and put back {name}"):
                newer = newer_wheel(ROOT / "plugins" / name, Path(place))
                if "zoo.plugins" in entry_points(name):
                    the_others_go_on_without(environment, name, wheel, newer)
                else:
                    the_program_goes_on_without(environment, name, wheel, newer)
        with step("a gallery and a suite's plan"):
            environment.zoo("gallery", "site")
            assert "<script>" in (environment.work / "site" / "index.html").read_text("utf-8")
            suite = ROOT / "recipes" / "bench" / "smoke.toml"
            assert "11 runs" in environment.zoo("bench", suite, "--out", "suite", "--dry-run")
        with step("the release is what it was"):
            assert "every test vector is reproduced" in environment.zoo("verify", "release")


# ---------------------------------------------------------------- what is shown


def the_core_works_alone(environment: Environment) -> None:
    """No plugin but its own part: it lists nothing, says what to install, and refuses with that hint."""
    assert set(state(environment)) == {"core"}
    for words in (["list"], ["components", "encoder"], ["plugins", "list"]):
        told = environment.zoo(*words)
        assert "pip install" in told, f"zoo {' '.join(words)} does not say what to install: {told}"
    assert "core/normal" in environment.zoo("components", "prior", "--quiet")
    help_text = environment.zoo("--help")
    for command in ("bench", "export", "gallery", "ui"):
        assert "pip install ./plugins/" in environment.zoo(command, fails=True)
        assert f"  {command} " in help_text.partition("Not installed")[2], help_text
    code = "import zoo; zoo.autoencoder(encoder='dcgan', shape=(1, 8, 8))"
    refused = environment.run("-c", code, fails=True)
    assert "pip install" in refused, refused


def the_kit_passes(environment: Environment, bundled: str) -> None:
    """`zoo plugins check` on a bundled plugin, and the sample plugin's own tests, which subclass the kit."""
    verdict = json.loads(environment.zoo("plugins", "check", bundled, "--json"))
    assert verdict["passed"], verdict
    assert verdict["checks"] > 0, verdict
    tests = shutil.copytree(SAMPLE / "tests", environment.work / "tests")  # away from this checkout's pytest settings
    told = environment.run("-m", "pytest", "-q", "-p", "no:cacheprovider", tests)
    assert "checks of 2 contracts passed" in told, told


def a_stranger_learns_from_bundled_plugins(environment: Environment, place: Path) -> None:
    """An autoencoder with timm's encoder hands its decoder, the sample plugin's, to a GAN judged by dcgan."""
    environment.run("-c", BLOBS)
    environment.zoo(
        *("train", "autoencoder", "--data", "blobs.npz", "--out", "ae", "--code-shape", 8, "--shape", "1,32,32"),
        *("--encoder", "timm/resnet10t", "--decoder", "example", "--images", 1024, "--batch", 32),
    )
    environment.zoo(
        *("transfer", "ae", "--data", "blobs.npz", "--out", "run", "--strategy", "decoder-init"),
        *("--discriminator", "dcgan", "--set", "discriminator.width=8", "--images", 2048, "--batch", 32),
    )
    environment.zoo("release", "run", "release", "--license", "CC0-1.0", "--name", "example.blobs")
    told = environment.zoo("verify", "release")
    assert "every test vector is reproduced" in told, told
    environment.zoo("sample", "release", "-n", 4, "-o", "samples.png")
    assert (environment.work / "samples.png").read_bytes()[:4] == b"\x89PNG"
    code = "import zoo; p = zoo.load('release').manifest.parts; print(*(p[r].component for r in sorted(p)))"
    told = environment.run("-c", code)
    assert {"timm/resnet10t", "example/example", "dcgan/dcgan"} <= set(told.split()), told


BLOBS = """
import numpy as np
y, x = np.mgrid[:16, :16]
cy, cx = np.random.default_rng(0).uniform(4, 12, (2, 512, 1, 1))
np.savez("blobs.npz", images=(255 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 8)).astype("uint8"))
"""


def the_others_go_on_without(environment: Environment, name: str, wheel: Path, newer: Path) -> None:
    """Upgraded, it has the new version; removed, all others are ready and compose; put back, it is as it was."""
    before = state(environment)
    assert {stage for _, stage, _ in before.values()} == {"ready"}, before
    distribution = f"zoo-{name}"
    own = {plugin for plugin, (owner, _, _) in before.items() if owner == distribution}
    assert own, before
    environment.install(newer)
    assert state(environment) == before | dict.fromkeys(own, (distribution, "ready", NEWER))
    environment.remove(distribution)
    assert state(environment) == {other: facts for other, facts in before.items() if other not in own}
    told = environment.run("-c", OTHERS)
    composed = {other for other in ("dcgan", "example", "mlp", "r3gan") if other != name}
    assert composed <= set(told.split()), told
    loaded = "loaded" if name not in ("timm", "dcgan") else distribution  # what the release is made of, and needs
    assert loaded in told, told
    told = environment.zoo("plugins", "list")
    assert f"pip install ./plugins/{name}" in told, told
    for words in (["list"], ["--help"], ["components", "--quiet"]):
        assert f"{name}/" not in environment.zoo(*words)
    environment.install(wheel)
    assert state(environment) == before


def the_program_goes_on_without(environment: Environment, name: str, wheel: Path, newer: Path) -> None:
    """Upgraded, its commands answer; removed, they and help say how to install it; put back, it is as it was."""
    commands, before, plugins = entry_points(name)["zoo.commands"], environment.zoo("--help"), state(environment)
    assert "Not installed" not in before, before
    environment.install(newer)
    assert environment.zoo("--help") == before
    for command in commands:
        environment.zoo(command, "--help")
    environment.remove(f"zoo-{name}")
    assert state(environment) == plugins
    told = environment.zoo("--help")
    assert f"pip install ./plugins/{name}" in told.partition("Not installed")[2], told
    for command in commands:
        told = environment.zoo(command, fails=True)
        assert f"pip install ./plugins/{name}" in told, told
    environment.install(wheel)
    assert environment.zoo("--help") == before


OTHERS = """
import zoo
from zoo import plugins
SIZES = {"spatial": {"shape": (1, 16, 16), "code_shape": (4, 4, 4)}, "taesd": {"shape": (3, 16, 16)}}
encoders = {offer.id for offer in plugins.components("encoder")}
for offer in plugins.components("generator"):
    if offer.component.name == offer.plugin.name:
        sizes = SIZES.get(offer.plugin.name, {"shape": (1, 16, 16), "code_shape": 4})
        if offer.id in encoders:
            zoo.autoencoder(encoder=offer.id, decoder=offer.id, **sizes)
        zoo.gan(generator=offer.id, discriminator=offer.id, **sizes)
        print(offer.plugin.name)
try:
    zoo.load("release").gan.sample(2)
    print("loaded")
except zoo.ZooError as error:
    print(error.message, error.hint)
"""


# ---------------------------------------------------------------- helpers


class step:
    """Says what is shown and how many seconds it took."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        self.start = time.perf_counter()

    def __exit__(self, kind: object, *rest: object) -> None:
        print(f"{'failed' if kind else 'ok':6} {time.perf_counter() - self.start:5.1f} s  {self.what}", flush=True)


def build_all(place: Path) -> tuple[Path, dict[str, Path], Path]:
    """The wheels: the core's, those of the distributions in plugins/ by name, the sample's; one command each."""
    wheels = {folder.name: build(folder, place) for folder in BUNDLED}
    return build(ROOT, place), wheels, build(SAMPLE, place)


def build(folder: Path, place: Path) -> Path:
    """A wheel of the distribution in `folder`."""
    out = Path(tempfile.mkdtemp(dir=place))
    if UV:
        call(UV, "build", "--quiet", "--wheel", "--out-dir", out, folder)
    else:
        call(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", out, folder)
    return next(out.glob("*.whl"))


def entry_points(name: str) -> dict[str, dict[str, str]]:
    """What the distribution in plugins/NAME announces, by group."""
    groups: dict[str, dict[str, str]] = tomllib.loads((ROOT / "plugins" / name / "pyproject.toml").read_text("utf-8"))[
        "project"
    ]["entry-points"]
    return groups


def newer_wheel(folder: Path, place: Path) -> Path:
    """A wheel of the same code under a later version."""
    copy = shutil.copytree(folder, Path(tempfile.mkdtemp(dir=place)) / folder.name, ignore=_IGNORED)
    project = copy / "pyproject.toml"
    text, count = re.subn(r'(?m)^version = ".*"$', f'version = "{NEWER}"', project.read_text("utf-8"))
    assert count == 1, f"{folder.name} states no version"
    project.write_text(text, "utf-8")
    return build(copy, place)


def state(environment: Environment) -> dict[str, tuple[str, str, str]]:
    """Whose each plugin is, how far it comes, and its version."""
    rows = json.loads(environment.zoo("plugins", "list", "--json"))
    return {row["name"]: (row["distribution"], row["stage"], row["version"]) for row in rows}


def installer(environment: Environment, verb: str) -> list[object]:
    """The command that installs into it, or uninstalls."""
    if UV:
        return [UV, "pip", verb, "--python", environment.python]
    return [environment.python, "-m", "pip", verb]


def call(*words: object, cwd: Path | None = None, fails: bool = False) -> str:
    """Run a command; what it printed. Ends the script with all of that if it fails, or does not fail as expected."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "ZOO_PLUGINS", "ZOO_DISABLE_PLUGINS", "ZOO_STRICT_PLUGINS")
    variables = {key: value for key, value in os.environ.items() if key not in hidden}
    variables.setdefault("OMP_NUM_THREADS", "1")  # small nets: more threads wait for each other
    done = subprocess.run([str(word) for word in words], cwd=cwd, env=variables, capture_output=True, text=True)
    if (done.returncode != 0) != fails:
        line = " ".join(map(str, words))
        sys.exit(f"{line}\nended with {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout + done.stderr


if __name__ == "__main__":
    main()
