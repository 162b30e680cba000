"""A pretrained autoencoder in another library's layout becomes a release, from a folder and from the Hub."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from loopback import cli, environment, hf, hub
from safetensors.torch import save_file
from test_plugin_life_cycle import Site, site  # noqa: F401

import zoo
from zoo import plugins
from zoo.errors import ConfigError, IntegrityError, PluginError, ReleaseError, UnknownName
from zoo.networks.pretrained import origins_of
from zoo.registry.importing import import_autoencoder
from zoo.release.folder import read_manifest
from zoo.testing.conformance.plugin import check_plugin
from zoo.types import PartSpec

PLUGIN = """
    from zoo.plugin import Component, hook
    CASES = "NAME_config:cases"
    ZOO_API = 2
    @hook
    def zoo_components():
        return [Component("autoencoder", "toy", "NAME_read:read", "NAME_config:Config", "toy's layout", cases=CASES)]
"""
CONFIG = """
    from dataclasses import dataclass
    from zoo.plugin import Case
    @dataclass(frozen=True)
    class Config:
        pass
    def cases():
        return [Case(files="NAME_files:write")]
"""
FILES = """
    import json
    import zoo
    from safetensors.torch import save_file
    from zoo.types import PartSpec
    def write(folder):
        net = PartSpec("mlp", {"widths": [12]})
        model = zoo.autoencoder(net, net, bottleneck="linear", shape=(1, 8, 8), code_shape=5, seed=3)
        state = {key: value.contiguous() for key, value in model.state_dict().items()}
        save_file(state, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps({"width": 12, "code": 5}))
"""
READ = """
    import json
    from safetensors.torch import load_file
    from zoo.plugin import AutoencoderParts, DataSpec, PartSpec
    def read(config, folder, shape):
        facts = json.loads((folder / "config.json").read_text("utf-8"))
        state = load_file(folder / "model.safetensors")
        weights = {
            role: {key.removeprefix(f"{role}."): value for key, value in state.items() if key.startswith(f"{role}.")}
            for role in ("encoder", "bottleneck", "decoder")
        }
        net = PartSpec("mlp", {"widths": [facts["width"]]})
        specs = {"encoder": net, "bottleneck": PartSpec("linear"), "decoder": net}
        return AutoencoderParts(specs, weights, DataSpec(shape or (1, 8, 8)), (facts["code"],))
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A folder as toy's library writes one."""
    net = PartSpec("mlp", {"widths": [12]})
    model = zoo.autoencoder(net, net, bottleneck="linear", shape=(1, 8, 8), code_shape=5, seed=3)
    folder = tmp_path / "toy"
    folder.mkdir()
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"width": 12, "code": 5}))
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Toy\n")
    return folder


@pytest.fixture(autouse=True)
def plugin(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:  # noqa: F811
    site.add("toy", PLUGIN, config=CONFIG, read=READ, files=FILES)
    monkeypatch.setenv("PYTHONPATH", str(site.folder))
    return site


def test_the_kit_accepts_a_sound_reader_and_finds_faults_of_others(site: Site) -> None:  # noqa: F811
    assert check_plugin("toy").failures == ()
    faults = {
        "wrong-weights": (READ.replace('(facts["code"],)', '(facts["code"] + 1,)'), "the parts compose"),
        "other-things": (READ + "        return {}\n".replace("        ", "    "), "the parts compose"),
        "network": (
            READ.replace(
                "    def read(config, folder, shape):",
                "    import subprocess\n    def read(config, folder, shape):\n        subprocess.run(['true'])",
            ),
            "reading twice",
        ),
        "writes": (
            READ.replace(
                "        facts =",
                "        (folder / 'config.json').touch(); (folder / 'x').write_text('y')\n        facts =",
            ),
            "reading twice",
        ),
    }
    for name, (read, check) in faults.items():
        site.add(name, PLUGIN, config=CONFIG, read=read, files=FILES)
        plugins.load.cache_clear()
        plugins.host.cache_clear()
        problems = [result.check for result in check_plugin(name).failures]
        assert any(problem.startswith(check) for problem in problems), (name, problems)


def test_a_folder_becomes_a_release_that_computes_the_same(toy: Path, tmp_path: Path) -> None:
    manifest = import_autoencoder(f"toy:{toy}", tmp_path / "release", license="MIT")
    assert (manifest.name, manifest.code_shape, manifest.recipe) == ("toy.toy", (5,), None)
    (origin,) = manifest.pretrained
    assert (origin.file, origin.repository, origin.license) == ("model.safetensors", "", "MIT")
    loaded = zoo.load(tmp_path / "release").autoencoder
    net = PartSpec("mlp", {"widths": [12]})
    ours = zoo.autoencoder(net, net, bottleneck="linear", shape=(1, 8, 8), code_shape=5, seed=3)
    x = torch.rand(4, 1, 8, 8)
    assert loaded is not None
    assert torch.equal(loaded.reconstruct(x), ours.reconstruct(x))
    assert origins_of(loaded) == (origin,)
    assert "Pretrained weights: model" in (tmp_path / "release" / "README.md").read_text()


def test_what_was_imported_is_transferred_and_its_origin_goes_on(toy: Path, tmp_path: Path, images_file: Path) -> None:
    import_autoencoder(f"toy:{toy}", tmp_path / "release", license="MIT")
    source = zoo.load(tmp_path / "release").autoencoder
    assert source is not None
    transferred = zoo.transfer(source, strategy="decoder-init")
    run = zoo.train(transferred, str(images_file), out=tmp_path / "run", images=16, training={"batch": 8})
    manifest = run.release(tmp_path / "pair", license="MIT")
    assert [origin.file for origin in manifest.pretrained] == ["model.safetensors"]


def test_the_licence_is_needed_and_nothing_is_written_without_it(toy: Path, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="states no licence"):
        import_autoencoder(f"toy:{toy}", tmp_path / "release")
    assert not (tmp_path / "release").exists()


@pytest.mark.parametrize(
    ("damage", "error", "says"),
    [
        ({"width": 13, "code": 5}, PluginError, "the weights do not fit its encoder"),
        ({"width": 12}, PluginError, "it failed while being built: KeyError"),
    ],
)
def test_files_that_do_not_fit_are_refused(
    toy: Path, tmp_path: Path, damage: dict[str, int], error: type[Exception], says: str
) -> None:
    (toy / "config.json").write_text(json.dumps(damage))
    with pytest.raises(error, match=says):
        import_autoencoder(f"toy:{toy}", tmp_path / "release", license="MIT")


def test_weights_that_are_not_finite_are_refused(toy: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    state = load_file(toy / "model.safetensors")
    next(iter(state.values())).fill_(float("nan"))
    save_file(state, toy / "model.safetensors")
    with pytest.raises(IntegrityError, match="not finite"):
        import_autoencoder(f"toy:{toy}", tmp_path / "release", license="MIT")


@pytest.mark.parametrize(
    ("source", "error", "says"),
    [
        ("somewhere", ConfigError, "does not say what reads it"),
        ("toy:", ConfigError, "does not say what reads it"),
        ("nothing:x/y", UnknownName, "nothing"),
        ("toy:./not-there", ReleaseError, "there is no folder"),
        ("toy:not a repository", ConfigError, "is not a repository"),
    ],
)
def test_a_source_that_means_nothing_is_refused(source: str, error: type[Exception], says: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=re.escape(says)):
        import_autoencoder(source, tmp_path / "release")


def test_a_repository_of_the_hub_is_pinned_to_its_commit_with_its_licence(
    toy: Path, tmp_path: Path, plugin: Site
) -> None:
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "model.bin").write_bytes(b"x")
    with hub(tmp_path / "store") as running:
        env = environment(running.url, tmp_path / "hf", PYTHONPATH=str(plugin.folder))
        hf("upload", "ann/toy", toy, env=env)
        hf("upload", "ann/toy", toy, "vae", env=env)
        hf("upload", "ann/pickled", pickled, env=env)
        for location, name in (("ann/toy", "toy.toy"), ("ann/toy:vae", "toy.toy")):
            out = tmp_path / location.replace("/", "-").replace(":", "-")
            done = cli("import", f"toy:{location}", "-o", str(out), env=env)
            assert done.returncode == 0, done.stderr
            manifest = read_manifest(out)
            (origin,) = manifest.pretrained
            repository = running.hub.store.find("model", "ann/toy")
            assert repository is not None
            assert (manifest.name, manifest.license) == (name, "Apache-2.0")
            assert (origin.repository, origin.commit) == ("ann/toy", repository.head.id)
        done = cli("import", "toy:ann/pickled", "-o", str(tmp_path / "no"), env=env)
        assert done.returncode == 1
        assert "pickled weights can run code" in done.stderr
        for address in ("hub:ann/toy", "hub:ann/toy:vae"):
            first, again = (cli("pull", address, "--quiet", env=env) for _ in range(2))
            assert first.returncode == 0, first.stderr
            assert again.stdout == first.stdout
            manifest = read_manifest(Path(first.stdout.strip()))
            assert (manifest.name, manifest.pretrained[0].commit) == ("toy.toy", repository.head.id)
        done = cli("pull", "hub:ann/toy", "--verify-key", str(tmp_path / "key.pem"), env=env)
        assert (done.returncode, done.stdout) == (1, "")
        assert "is not a release, so it cannot be signed" in done.stderr
        (toy / "config.json").write_text("{}")
        hf("upload", "ann/other", toy, env=env)
        done = cli("pull", "hub:ann/other", env=env)
        assert done.returncode == 1
        assert "neither a release nor an autoencoder that a plugin reads" in done.stderr
        assert "diffusers/diffusers: " in done.stderr
