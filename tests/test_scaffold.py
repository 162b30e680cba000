"""`zoo plugins new` and `zoo plugins check`: what an author begins with works as it is, and what breaks is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from zoo import plugins
from zoo.errors import ConfigError
from zoo.plugins import Plugin
from zoo.scaffold import scaffold

EXAMPLE = Path(__file__).parents[1] / "examples" / "zoo-example"


def install(folder: Path, site: Path) -> None:
    """Metadata as an installer would leave it for an editable install of `folder`."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = "\n".join(f"{k} = {v}" for k, v in project["entry-points"]["zoo.plugins"].items())
    (info / "entry_points.txt").write_text(f"[zoo.plugins]\n{points}\n")
    (info / "direct_url.json").write_text(json.dumps({"url": folder.as_uri(), "dir_info": {"editable": True}}))


def run(*words: str, path: list[Path], cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, env=environment, cwd=cwd, check=False
    )


@pytest.fixture
def fresh(tmp_path: Path) -> tuple[Path, list[Path]]:
    """A new plugin `my-nets`, installed; its folder and the path that makes it importable."""
    folder = tmp_path / "zoo-my-nets"
    scaffold("my-nets", folder)
    install(folder, tmp_path / "site")
    return folder, [tmp_path / "site", folder]


def test_the_sample_plugin_of_the_repository_is_what_new_writes(tmp_path: Path) -> None:
    written = scaffold("example", tmp_path / "zoo-example")
    names = [path.relative_to(tmp_path / "zoo-example") for path in written]
    assert len(names) >= 7
    for name in names:
        assert (EXAMPLE / name).read_text() == (tmp_path / "zoo-example" / name).read_text(), f"{name} differs"


def test_a_new_plugin_passes_its_own_tests_and_the_check(fresh: tuple[Path, list[Path]]) -> None:
    folder, path = fresh
    tested = run("-m", "pytest", "-q", "-p", "no:cacheprovider", path=path, cwd=folder)
    assert tested.returncode == 0, tested.stdout[-2000:]
    assert "checks of 2 contracts passed" in tested.stdout
    checked = run("-m", "zoo", "plugins", "check", "my-nets", "--json", path=path, cwd=folder)
    verdict = json.loads(checked.stdout)
    assert checked.returncode == 0
    assert verdict["passed"]
    assert verdict["checks"] > 100
    assert verdict["plugin"]["editable"]


def test_a_new_plugin_trains_releases_loads_and_samples(
    fresh: tuple[Path, list[Path]], images_file: Path, tmp_path: Path
) -> None:
    _, path = fresh
    code = f"""
import zoo, torch
torch.set_num_threads(1)
gan = zoo.gan(generator="my-nets", discriminator="dcgan", shape=(1, 8, 8), code_shape=4)
run = zoo.train(gan, {str(images_file)!r}, out="run", training={{"images": 128, "batch": 16}})
run.release("release", license="CC0-1.0")
pair = zoo.load("release")
assert pair.manifest.parts["generator"].plugin == "zoo-my-nets==0.1.0"
assert torch.equal(pair.gan.sample(4, seed=1), run.gan.sample(4, seed=1))
"""
    done = run("-c", code, path=path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    without = run("-c", "import zoo; zoo.load('release')", path=[], cwd=tmp_path)
    assert without.returncode != 0
    assert "(made with zoo-my-nets 0.1.0, which is not installed)" in without.stderr
    assert "It needs zoo-my-nets 0.1.0, which Zoo does not vouch for" in without.stderr
    assert "pip install" not in without.stderr


def test_what_a_broken_net_does_wrong_is_named_with_its_traceback(fresh: tuple[Path, list[Path]]) -> None:
    folder, path = fresh
    net = folder / "zoo_my_nets" / "net.py"
    net.write_text(net.read_text().replace("return image.clamp", "1 / 0\n        return image.clamp"))
    whole = run("-m", "zoo", "plugins", "check", "my-nets", "--traceback", path=path, cwd=folder)
    assert whole.returncode == 1
    assert "ZeroDivisionError" in whole.stdout
    assert "Traceback" in whole.stdout
    assert "net.py" in whole.stdout
    told = [line for line in whole.stdout.splitlines() if line.startswith("      PluginError")]
    assert len(told) == len(set(told)) > 0, "one cause is told once, under the checks that it failed"


def test_a_plugin_that_cannot_be_imported_is_checked_too(fresh: tuple[Path, list[Path]]) -> None:
    folder, path = fresh
    (folder / "zoo_my_nets" / "plugin.py").write_text("import no_such_package\n")
    done = run("-m", "zoo", "plugins", "check", "my-nets", "--traceback", path=path, cwd=folder)
    assert done.returncode == 1
    assert "import: ModuleNotFoundError: No module named 'no_such_package'" in done.stdout
    assert "plugin.py" in done.stdout


def test_checking_what_is_not_installed_offers_near_names(tmp_path: Path) -> None:
    done = run("-m", "zoo", "plugins", "check", "dcgn", path=[], cwd=tmp_path)
    assert done.returncode == 2
    assert "Did you mean dcgan?" in done.stderr


@pytest.mark.parametrize("name", ["core", "Zoo", "a b", "../x", "", "x" * 60])
def test_a_name_that_cannot_be_a_plugin_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        scaffold(name, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("name", "says"), [("timm", "zoo-timm"), ("serve", "zoo-serve")])
def test_a_name_that_is_installed_already_is_refused_before_anything_is_written(
    name: str, says: str, tmp_path: Path
) -> None:
    """That of a plugin, or of a distribution that brings commands alone."""
    with pytest.raises(ConfigError, match="is taken") as refused:
        scaffold(name, tmp_path / "new")
    assert says in refused.value.message
    assert f"pip uninstall {says}" in refused.value.hint
    assert not (tmp_path / "new").exists()


def test_a_plugins_name_is_taken_whatever_its_distribution_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Plugin("mine", "zoo_tools.plugin", "lab-tools", "1.0")
    monkeypatch.setattr(plugins, "plugins", lambda: (mine,))
    for name in ("mine", "tools"):
        with pytest.raises(ConfigError, match=r"lab-tools 1\.0 is installed and has the plugin 'mine' in zoo_tools"):
            scaffold(name, tmp_path / "new")
    assert scaffold("other", tmp_path / "new")


def test_a_folder_that_is_there_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="already exists"):
        scaffold("tiny", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
