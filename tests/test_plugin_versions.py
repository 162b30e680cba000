"""A release outlives the plugin's version that made it: it loads, or the error says which version it was made with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest
from helpers import SHAPE, released

import zoo
from zoo import plugins
from zoo.errors import ConfigError, IntegrityError, PluginError, ReleaseError, UnknownName
from zoo.registry import parts
from zoo.registry.replay import replay
from zoo.release.folder import read_manifest
from zoo.release.manifest import manifest_bytes
from zoo.testing import EncoderCase
from zoo.testing.conformance.migration import MIGRATION_CHECKS
from zoo.types import DataSpec, PartSpec

PLUGIN = """
    from zoo.plugin import Component, hook
    ZOO_API = 2
    @hook
    def zoo_components():
        return [Component("encoder", "NAME", "MODULE_net:Net", "MODULE_config:Config", MORE)]
"""
CONFIG = """
    from dataclasses import dataclass
    @dataclass(frozen=True)
    class Config:
        SETTING: int = 4
    def migrate(version, config):
        BODY
"""
NET = """
    from torch import nn
    from zoo.plugin import Features
    class Net(nn.Module):
        def __init__(self, config, data):
            super().__init__()
            self.data, self.stage_channels, self.embedding_shape = data, (1,), (config.SETTING,)
            self.linear = nn.Linear(data.size, config.SETTING, bias=BIAS)
        def features(self, x):
            return Features(self.linear(x.flatten(1)), (x,))
"""
RENAME = "return {'channels': config['width']} if 'width' in config else config"


class Shelf:
    """A folder on sys.path that holds one version of the distribution `zoo-siren` at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0

    def install(
        self,
        version: str,
        *,
        name: str = "small",
        setting: str = "width",
        more: str = "",
        body: str = RENAME,
        net: bool = True,
        bias: bool = True,
    ) -> None:
        self.remove()
        self.count += 1
        module = f"zoo_siren{self.count}"  # another name each time: Python keeps what it has compiled
        info = self.folder / f"zoo_siren-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: zoo-siren\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[zoo.plugins]\nsiren = {module}\n")
        words = {"MODULE": module, "NAME": name, "SETTING": setting, "BODY": body, "BIAS": str(bias), "MORE": more}
        for suffix, text in (("", PLUGIN), ("_config", CONFIG), ("_net", NET if net else "")):
            code = dedent(text)
            for word, value in words.items():
                code = code.replace(word, value.replace("MODULE", module))
            (self.folder / f"{module}{suffix}.py").write_text(code)
        forget()

    def remove(self) -> None:
        for info in self.folder.glob("*.dist-info"):
            for path in info.iterdir():
                path.unlink()
            info.rmdir()
        forget()


def forget() -> None:
    plugins.load.cache_clear()
    plugins.host.cache_clear()
    parts._told.clear()


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield Shelf(folder)
    for name in set(sys.modules) - before:
        if name.startswith("zoo_siren"):
            del sys.modules[name]
    monkeypatch.undo()
    forget()


@pytest.fixture
def release(shelf: Shelf, tmp_path: Path) -> Path:
    """Made with zoo-siren 0.1.0, which has the encoder `small` with the setting `width`."""
    shelf.install("0.1.0")
    encoder = {"component": "siren/small", "config": {"width": 5}}
    source = zoo.autoencoder(encoder, "dcgan", shape=SHAPE, code_shape=6)
    return released(tmp_path / "release", "siren.blobs", source=source)


BOTH = "made with zoo-siren 0.1.0, you have 0.2.0"
INSTALL = "pip install zoo-siren==0.1.0"


@pytest.mark.parametrize("version", ["0.2.0", "0.0.9"])
def test_another_version_is_told_once_on_one_line_and_not_by_verify(
    version: str, shelf: Shelf, release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zoo.load(release)
    assert "made with" not in capsys.readouterr().err
    shelf.install(version)
    assert replay(release, read_manifest(release)) == []
    assert capsys.readouterr().err == ""
    zoo.load(release)
    zoo.load(release)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"siren.blobs 1.0.0 was made with zoo-siren 0.1.0, you have {version}" in line
    assert f"zoo verify {release}" in line


MOVED = {
    "a-removed-component": ({"name": "other"}, ReleaseError, "there is no encoder 'siren/small'"),
    "a-renamed-setting": ({"setting": "channels"}, ReleaseError, "has no setting 'width'"),
    "a-module-that-is-gone": ({"net": False}, PluginError, "cannot be used"),
    "other-tensors": ({"bias": False}, IntegrityError, "has an extra tensor 'linear.bias'"),
    "a-migration-that-fails": (
        {"more": 'migrate="MODULE_config:migrate"', "body": "raise KeyError('depth')"},
        PluginError,
        "it cannot migrate the settings of version 0.1.0: KeyError",
    ),
    "a-migration-that-gives-no-plain-data": (
        {"more": 'migrate="MODULE_config:migrate"', "body": "return {'width': {1, 2}}"},
        PluginError,
        "did not give a table of plain data",
    ),
    "a-migration-that-gives-wrong-settings": (
        {"more": 'migrate="MODULE_config:migrate"', "body": "return {'depth': 2}"},
        ReleaseError,
        "has no setting 'depth'",
    ),
}


@pytest.mark.parametrize("change", MOVED)
def test_a_release_that_no_longer_loads_names_both_versions_and_the_one_to_install(
    change: str, shelf: Shelf, release: Path
) -> None:
    facts, error, says = MOVED[change]
    shelf.install("0.2.0", **facts)  # type: ignore[arg-type]
    with pytest.raises(error) as caught:
        zoo.load(release)
    assert says in caught.value.message
    assert BOTH in caught.value.message
    assert caught.value.hint == INSTALL


def test_a_release_of_a_plugin_that_is_not_installed_says_so(shelf: Shelf, release: Path) -> None:
    shelf.remove()
    with pytest.raises(ReleaseError, match=r"\(made with zoo-siren 0\.1\.0, which is not installed\)") as caught:
        zoo.load(release)
    assert caught.value.hint.startswith("It needs zoo-siren 0.1.0, which Zoo does not vouch for")
    assert "pip" not in caught.value.hint


def test_a_migration_reads_the_settings_of_an_older_version(shelf: Shelf, release: Path) -> None:
    shelf.install("0.2.0", setting="channels", more='migrate="MODULE_config:migrate"')
    loaded = zoo.load(release)
    assert loaded.autoencoder is not None
    assert loaded.autoencoder.specs["encoder"].config == {"channels": 5}
    assert replay(release, read_manifest(release)) == []


@pytest.mark.parametrize("version", ["0.1.0", "0.0.9"])
def test_a_migration_is_for_older_versions_alone(version: str, shelf: Shelf, release: Path) -> None:
    shelf.install(version, more='migrate="MODULE_config:migrate"', body="raise KeyError('called')")
    assert replay(release, read_manifest(release)) == []


def test_a_renamed_component_is_found_by_its_alias_and_gets_its_name_of_today(shelf: Shelf, release: Path) -> None:
    shelf.install("0.2.0", name="tiny", more='aliases=("small",)')
    loaded = zoo.load(release)
    assert loaded.autoencoder is not None
    assert loaded.autoencoder.specs["encoder"].component == "siren/tiny"
    assert replay(release, read_manifest(release)) == []


@pytest.fixture
def run(shelf: Shelf, images_file: Path, tmp_path: Path) -> Path:
    """A run that zoo-siren 0.1.0 began."""
    shelf.install("0.1.0")
    encoder = {"component": "siren/small", "config": {"width": 5}}
    model = zoo.autoencoder(encoder, "dcgan", shape=SHAPE, code_shape=6)
    training = {"batch": 8, "checkpoint_every": 8}
    zoo.train(model, str(images_file), out=tmp_path / "run", images=16, training=training)
    return tmp_path / "run"


def test_a_run_of_an_older_version_goes_on_after_a_migration(shelf: Shelf, run: Path, tmp_path: Path) -> None:
    before = (run / "recipe.toml").read_text()
    assert 'siren = "zoo-siren==0.1.0"' in before
    shelf.install("0.2.0", setting="channels", more='migrate="MODULE_config:migrate"')
    opened = zoo.open_run(run).autoencoder
    assert opened is not None
    assert opened.specs["encoder"].config == {"channels": 5}
    assert zoo.resume(run).shown == 16
    assert (run / "recipe.toml").read_text() == before
    child = zoo.resume(run, override={"images": 24}, out=tmp_path / "child")
    assert child.recipe.plugins is not None
    assert child.recipe.plugins["siren"] == "zoo-siren==0.2.0"
    assert zoo.resume(tmp_path / "child").shown == 24


def test_a_run_that_no_longer_opens_names_both_versions(shelf: Shelf, run: Path) -> None:
    shelf.install("0.2.0", setting="channels")
    with pytest.raises(ConfigError, match=r"has no setting 'width' \(the recipe was " + BOTH) as caught:
        zoo.open_run(run)
    assert caught.value.hint == INSTALL
    shelf.remove()
    with pytest.raises(UnknownName, match="which is not installed"):
        zoo.open_run(run)


def test_no_text_of_a_stranger_becomes_a_command(shelf: Shelf, release: Path) -> None:
    shelf.remove()
    manifest = read_manifest(release)
    own = {role: replace(part, plugin="un-known==un.known") for role, part in manifest.parts.items()}
    (release / "zoo.json").write_bytes(manifest_bytes(replace(manifest, parts=own)))
    with pytest.raises(ReleaseError) as caught:
        zoo.load(release)
    assert "pip" not in caught.value.hint


def test_what_lives_in_the_repository_is_installed_from_a_checkout() -> None:
    assert plugins.install_command("zoo-dcgan==0.0.1", "aegan-zoo") == "pip install ./plugins/dcgan ."
    hint = plugins.install_hint("zoo_dcgan==0.0.1")
    assert hint == "In a checkout of Zoo's repository with zoo_dcgan 0.0.1: pip install ./plugins/dcgan"


FAULTY = {
    "changes settings of today": ("return {'channels': 9}", "made {'channels': 9} of {'channels': 4}"),
    "writes into its argument": ("config.update(channels=4, x=1); return {'channels': 4}", "changed its argument"),
    "is random": ("import itertools; N = globals().setdefault('N', itertools.count()); "
                  "return {'channels': 4} | ({'x': 1} if next(N) % 2 else {})", "and then"),
    "gives another thing": ("return None", "gave a NoneType"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTY)
def test_the_kit_finds_a_migration_that(fault: str, shelf: Shelf) -> None:
    body, says = FAULTY[fault]
    shelf.install("0.2.0", setting="channels", more='migrate="MODULE_config:migrate"', body=body)
    case = EncoderCase("siren/small", {}, DataSpec(SHAPE))
    told = []
    for check in MIGRATION_CHECKS:
        try:
            check(case)
        except AssertionError as error:
            told.append(str(error))
    assert says in "; ".join(told)


def test_the_kit_accepts_a_sound_migration(shelf: Shelf) -> None:
    shelf.install("0.2.0", setting="channels", more='migrate="MODULE_config:migrate"')
    for check in MIGRATION_CHECKS:
        check(EncoderCase("siren/small", {}, DataSpec(SHAPE)))


def test_a_release_whose_discriminator_is_an_autoencoder_of_flat_codes_still_loads() -> None:
    """Version 0.1.0 of zoo-transfer called the code's shape `latent_dim`."""
    config = {
        "encoder": {"component": "mlp/mlp", "config": {"widths": [4]}},
        "bottleneck": {"component": "core/linear", "config": {}},
        "decoder": {"component": "mlp/mlp", "config": {"widths": [4]}},
        "latent_dim": 6,
        "norm": "l1",
    }
    part = plugins.current("discriminator", PartSpec("transfer/energy", config), "zoo-transfer==0.1.0")
    assert part.config["code_shape"] == [6]
    assert "latent_dim" not in part.config
