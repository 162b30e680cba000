"""A plugin may fail at any step of loading: it is recorded, reported once, and stops nothing that does not need it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import zoo
from zoo import plugins
from zoo.errors import ConfigError, PluginError, UnknownName, ZooError
from zoo.plugins.types import Plugin

GOOD = """
    from zoo.plugin import Component, hook
    ZOO_API = 2
    @hook
    def zoo_components():
        return [Component("encoder", "tiny", "NAME_net:Tiny", "NAME_config:Config", "a sample")]
"""


class Site:
    """A folder on sys.path into which distributions are written as an installer would leave them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, plugin: str, code: str = GOOD, *, distribution: str = "", target: str = "", **modules: str) -> None:
        """A distribution `zoo-<plugin>` 1.2 whose module holds `code`, where NAME stands for the module's name."""
        distribution = distribution or f"zoo-{plugin}"
        module = distribution.replace("-", "_")
        info = self.folder / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[zoo.plugins]\n{plugin} = {target or module}\n")
        for name, text in {module: code, **{f"{module}_{key}": value for key, value in modules.items()}}.items():
            (self.folder / f"{name}.py").write_text(dedent(text).replace("NAME", module))

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """`zoo WORDS` in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "zoo", *words],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(self.folder), **environment},
        )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    forget()
    yield Site(folder)
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]
    monkeypatch.undo()
    forget()


def forget() -> None:
    plugins.load.cache_clear()
    plugins.host.cache_clear()


def found(name: str) -> plugins.Plugin:
    return next(plugin for plugin in plugins.plugins() if plugin.name == name)


HOOK = "from zoo.plugin import Component, hook\nZOO_API = 2\n@hook\ndef zoo_components():\n"
RECORD = 'Component("encoder", "tiny", "a:b", "c:d")'

BROKEN: dict[str, tuple[str, str, str]] = {
    "raises-on-import": ("raise RuntimeError('my own fault')", "import", "RuntimeError: my own fault"),
    "exits-on-import": ("import sys; sys.exit(3)", "import", "SystemExit: 3"),
    "misses-a-package": ("import no_such_package", "import", "No module named 'no_such_package'"),
    "has-a-syntax-error": ("def (", "import", "SyntaxError"),
    "raises-what-cannot-be-printed": (
        "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd",
        "import",
        "Odd",
    ),
    "has-no-api": (
        "x = 1",
        "api",
        "zoo_broken does not set ZOO_API; this version of zoo needs plugins with ZOO_API = 2",
    ),
    "has-another-api": (
        "ZOO_API = 1",
        "api",
        "is made for plugin API 1; this version of zoo needs plugins with ZOO_API = 2",
    ),
    "has-no-hook": ("ZOO_API = 2\ndef zoo_components(): return []", "register", "defines no hook"),
    "misspells-a-hook": (HOOK.replace("zoo_components", "zoo_component") + " return []", "register", "zoo_component"),
    "misspells-an-argument": (HOOK.replace("()", "(nmae)") + " return []", "register", "nmae"),
    "raises-in-its-hook": (HOOK + " raise KeyError('width')", "collect", "KeyError: 'width'"),
    "returns-nothing": (HOOK + " pass", "collect", "returned None"),
    "returns-no-list": (HOOK + " return 3", "collect", "TypeError"),
    "returns-other-things": (HOOK + " return ['tiny']", "collect", "gave a str"),
    "has-a-bad-kind": (HOOK + f" return [{RECORD}]".replace("encoder", "encodr"), "collect", "Did you mean encoder"),
    "has-a-bad-name": (HOOK + f" return [{RECORD}]".replace("tiny", "ti/ny"), "collect", "a name is letters"),
    "has-a-bad-target": (HOOK + f" return [{RECORD}]".replace("a:b", "a.b"), "collect", "package.module:name"),
    "has-no-target": (HOOK + f" return [{RECORD}]".replace("a:b", ""), "collect", "package.module:name"),
    "has-a-family-without-names": (HOOK + f" return [{RECORD}]".replace("tiny", "*"), "collect", "a family is called"),
    "offers-one-twice": (HOOK + f" return [{RECORD}, {RECORD}]", "collect", "twice"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_fault_is_recorded_with_its_step_and_others_go_on(
    site: Site, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, step, cause = BROKEN[fault]
    site.add("broken", code)
    site.add("sound")
    plugin = found("broken")
    assert (plugin.step, plugin.distribution, plugin.version) == (step, "zoo-broken", "1.2")
    assert cause in plugin.error
    assert "\n" not in plugin.error
    assert found("sound").ready
    assert [registered.id for registered in plugins.components("encoder", "sound/*")] == ["sound/tiny"]
    assert not plugins.components("encoder", "broken/*")
    plugins.components()
    told = capsys.readouterr().err
    assert told.count("warning: plugin 'broken' (zoo-broken 1.2)") == 1
    assert "Repair: pip install" in told
    assert "Silence: ZOO_DISABLE_PLUGINS=broken" in told


def test_a_missing_module_is_an_import_failure(site: Site) -> None:
    site.add("gone", target="no_such_module.plugin")
    assert found("gone").step == "import"
    site.add("odd", target="not a module!")
    forget()
    assert found("odd").error


def test_ctrl_c_while_a_plugin_is_imported_names_the_plugin(site: Site) -> None:
    """One that hangs is known by nothing else."""
    site.add("stuck", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt, match="ZOO_DISABLE_PLUGINS=stuck"):
        plugins.plugins()


def test_what_a_plugin_prints_does_not_spoil_json(site: Site) -> None:
    code = dedent(GOOD).replace("    return [", "    print('and from its hook')\n    return [")
    site.add("loud", "print('hello from a plugin')\n" + code)
    done = site.run("plugins", "list", "--json")
    assert {p["name"] for p in json.loads(done.stdout)} >= {"core", "loud"}


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["list"],
        ["plugins", "list"],
        ["components"],
        ["info", "dcgan", "--component"],
        ["pull", "dcgan.glyphs-sans32", "--quiet"],
        ["verify", "dcgan.glyphs-sans32"],
    ],
    ids=" ".join,
)
def test_broken_plugins_stop_no_command_that_does_not_need_them(site: Site, words: list[str]) -> None:
    for fault, (code, _, _) in BROKEN.items():
        site.add(fault, code)
    done = site.run(*words)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("'exits-on-import'") <= 1


def test_two_distributions_with_one_name_are_both_left_out(site: Site) -> None:
    site.add("same", distribution="zoo-one")
    site.add("same", distribution="zoo-two")
    both = [plugin for plugin in plugins.plugins() if plugin.name == "same"]
    assert [plugin.step for plugin in both] == ["unique", "unique"]
    assert all("zoo-one 1.2 and zoo-two 1.2" in plugin.error for plugin in both)
    assert not plugins.components("encoder", "same/*")


def test_no_plugin_can_take_the_name_of_the_core(site: Site) -> None:
    site.add("core", distribution="zoo-thief")
    mine = {plugin.distribution: plugin for plugin in plugins.plugins() if plugin.name == "core"}
    assert mine["aegan-zoo"].ready
    assert mine["zoo-thief"].step == "unique"


def test_broken_metadata_is_a_plugin_of_unknown_origin(site: Site) -> None:
    info = site.folder / "zoo_bare-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[zoo.plugins]\nbare = zoo_bare\n")
    (site.folder / "zoo_bare.py").write_text(dedent(GOOD).replace("NAME", "zoo_bare"))
    assert found("bare").ready


# ---------------------------------------------------------------- chosen by the environment


def test_a_disabled_plugin_is_not_imported_and_not_told_of(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site.add("broken", "raise RuntimeError")
    monkeypatch.setenv("ZOO_DISABLE_PLUGINS", "broken, other")
    plugins.components()
    assert (found("broken").step, found("broken").error) == ("disabled", "")
    assert capsys.readouterr().err == ""
    assert "zoo_broken" not in sys.modules


def test_disabling_one_of_two_of_a_name_disables_both_without_a_word(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add("same", distribution="zoo-one")
    site.add("same", distribution="zoo-two")
    monkeypatch.setenv("ZOO_DISABLE_PLUGINS", "same")
    assert {plugin.step for plugin in plugins.plugins() if plugin.name == "same"} == {"disabled"}


def test_only_the_plugins_that_were_asked_for_are_loaded_and_the_core(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add("wanted")
    monkeypatch.setenv("ZOO_PLUGINS", "wanted")
    assert [plugin.name for plugin in plugins.plugins() if plugin.ready] == ["core", "wanted"]


def test_strict_makes_a_broken_plugin_fatal_except_for_what_repairs_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add("broken", "raise RuntimeError('my own fault')")
    monkeypatch.setenv("ZOO_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match="my own fault"):
        plugins.components()
    assert found("broken").step == "import"
    done = site.run("components", ZOO_STRICT_PLUGINS="1")
    assert done.returncode == 1
    assert "error: plugin 'broken'" in done.stderr
    assert site.run("plugins", "list", ZOO_STRICT_PLUGINS="1").returncode == 0


def test_what_a_plugin_says_reaches_the_terminal_without_its_control_characters(site: Site) -> None:
    site.add("loud", r"raise RuntimeError('\x1b[31mred\x1b[0m \x1b]0;title\x07\a\x9b2Jup\rover\u202eback')")
    site.add("bold", GOOD.replace('"a sample"', r'"a \x1b[1mbold\x1b[0m sample"'))
    for words in (["components"], ["plugins", "list"], ["plugins", "check", "loud", "--traceback"]):
        done = site.run(*words)
        said = done.stdout + done.stderr
        assert not [mark for mark in said if mark != "\n" and not mark.isprintable()], said
        assert "RuntimeError: red upoverback" in said, said
    assert "a bold sample" in site.run("components", "encoder").stdout
    assert "\\u001b[1mbold" in site.run("components", "encoder", "--json").stdout


# ---------------------------------------------------------------- components that fail when they are used

CONFIG = "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Config:\n    width: int = 4\n"
NET = """
    import torch
    from torch import nn
    from zoo.networks.types import Features
    class Tiny(nn.Module):
        def __init__(self, config, data):
            super().__init__()
            self.data, self.stage_channels, self.embedding_shape = data, (1,), (data.size,)
            self.scale = nn.Parameter(torch.ones(1))
        def features(self, x):
            return Features(x.flatten(1) * self.scale, (x,))
        def forward(self, x):
            return self.features(x).embedding
"""

FAULTY: dict[str, tuple[str, str, str]] = {
    "target-module-missing": ("", CONFIG, "cannot be used: ModuleNotFoundError"),
    "target-not-there": ("Other = 1", CONFIG, "no attribute 'Tiny'"),
    "target-exits": ("raise SystemExit(2)", CONFIG, "SystemExit: 2"),
    "config-not-there": (NET, "x = 1", "no attribute 'Config'"),
    "config-no-dataclass": (NET, "class Config: pass", "is not a dataclass"),
    "config-raises": (NET, CONFIG + "    def __post_init__(self): {}['a']", "its config failed: KeyError"),
    "raises-while-built": (
        NET.replace("super().__init__()", "1 / 0"),
        CONFIG,
        "failed while being built: ZeroDivision",
    ),
    "exits-while-built": (NET.replace("super().__init__()", "raise SystemExit"), CONFIG, "failed while being built"),
    "lacks-an-attribute": (NET.replace("self.stage_channels", "self.stages"), CONFIG, "`stage_channels` is None"),
    "lacks-a-method": (NET.replace("def features", "def feature"), CONFIG, "no method `features`"),
    "has-another-signature": (
        NET.replace("features(self, x)", "features(self, x, y)"),
        CONFIG,
        "cannot be called with",
    ),
    "gives-another-shape": (NET.replace("x.flatten(1)", "x.flatten()"), CONFIG, "embedding is"),
    "gives-another-number": (NET.replace("(x,))", "(x, x))"), CONFIG, "number of stages is 2, declared 1"),
    "fails-on-a-batch": (NET.replace("x.flatten(1)", "x.flaten(1)"), CONFIG, "failed on a batch of 2"),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_faulty_component_names_its_owner_and_leaves_the_others_alone(site: Site, fault: str) -> None:
    net, config, cause = FAULTY[fault]
    modules = {"config": config} | ({"net": net} if net else {})
    site.add("faulty", GOOD, **modules)
    with pytest.raises(PluginError) as caught:
        zoo.autoencoder(encoder="faulty/tiny", decoder="dcgan", shape=(1, 8, 8))
    assert cause in caught.value.message
    assert "faulty/tiny" in caught.value.message
    assert found("faulty").ready
    zoo.autoencoder(encoder="dcgan", shape=(1, 8, 8))


PARTS: dict[str, tuple[str, str, str]] = {
    "a generator's samples": (
        "generator",
        """
        class Tiny(nn.Module):
            def __init__(self, config, data, code_shape):
                super().__init__()
                self.data, self.code_shape, self.first = data, code_shape, None
            def forward(self, z):
                return z.new_zeros(len(z), 9, 9)
        """,
        "sample is (2, 9, 9), declared (2, 1, 8, 8)",
    ),
    "a discriminator's logits": (
        "discriminator",
        """
        class Tiny(nn.Module):
            def __init__(self, config, data):
                super().__init__()
                self.data, self.logit_groups = data, (2,)
            def discriminate(self, x):
                return DiscriminatorOutput(x.flatten(1)[:, :1], ())
        """,
        "logits is (2, 1), declared (2, 2)",
    ),
    "a bottleneck's codes": (
        "bottleneck",
        """
        class Tiny(nn.Module):
            def __init__(self, config, embedding_shape, code_shape):
                super().__init__()
                self.code_shape = code_shape
            def forward(self, embedding):
                return Posterior(embedding[:, :3], None)
        """,
        "mean is (2, 3), declared (2, 4)",
    ),
    "a prior's codes": (
        "prior",
        """
        class Tiny(nn.Module):
            def __init__(self, config, code_shape):
                super().__init__()
                self.code_shape = code_shape
            def sample(self, n, rng=None):
                return torch.randn(n, self.code_shape[0] + 1, generator=rng)
        """,
        "codes is (2, 5), declared (2, 4)",
    ),
}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_another_shape_than_declared_is_refused_when_composing(site: Site, part: str) -> None:
    kind, net, cause = PARTS[part]
    imports = "import torch\nfrom torch import nn\nfrom zoo.plugin import DiscriminatorOutput, Posterior\n"
    site.add("faulty", GOOD.replace('"encoder"', repr(kind)), net=imports + dedent(net), config=CONFIG)
    compose, others = (
        (zoo.autoencoder, ("decoder",)) if kind == "bottleneck" else (zoo.gan, ("generator", "discriminator"))
    )
    chosen: dict[str, Any] = dict.fromkeys(others, "dcgan") | {kind: "faulty/tiny"}
    with pytest.raises(PluginError) as caught:
        compose(**chosen, shape=(1, 8, 8), code_shape=4)
    assert cause in caught.value.message
    assert "faulty/tiny" in caught.value.message


def test_the_sound_sample_composes(site: Site) -> None:
    """The faults above are what fails, not what they were made from."""
    site.add("sound", GOOD, net=NET, config=CONFIG)
    assert zoo.autoencoder(encoder="tiny", decoder="dcgan", shape=(1, 8, 8)).encoder.embedding_shape == (64,)


def test_a_strategy_objective_or_metric_that_lacks_its_methods_is_refused(site: Site) -> None:
    code = GOOD.replace('"encoder"', "KIND").replace("Tiny", "Empty")
    for kind, use in USES.items():
        site.add(
            f"my-{kind}",
            code.replace("KIND", repr(kind)),
            net="class Empty:\n    def __init__(self, c): pass",
            config=CONFIG,
        )
        forget()
        with pytest.raises(ZooError, match=r"Empty|does not train"):
            use(f"my-{kind}/tiny")


def _transfer(name: str) -> Any:
    return zoo.transfer(zoo.autoencoder(encoder="dcgan", shape=(1, 8, 8)), strategy=name)


def _metric(name: str) -> Any:
    from zoo.metrics.evaluate import reference

    return reference(None, name)  # type: ignore[arg-type]


def _dataset(name: str) -> Any:
    from zoo.data.open import open_images

    return open_images(name)


USES: dict[str, Callable[[str], Any]] = {"transfer": _transfer, "metric": _metric, "dataset": _dataset}


def test_an_ambiguous_short_name_lists_the_full_ids(site: Site) -> None:
    site.add("one")
    site.add("two")
    with pytest.raises(UnknownName, match="'tiny' is ambiguous") as caught:
        plugins.find_component("encoder", "tiny")
    assert "one/tiny, two/tiny" in caught.value.hint
    assert plugins.find_component("encoder", "one/tiny").plugin.name == "one"


def test_a_misspelt_setting_offers_the_right_one(site: Site) -> None:
    site.add("sound", GOOD, net=NET, config=CONFIG)
    with pytest.raises(ConfigError, match="has no setting 'widht'") as caught:
        zoo.autoencoder(encoder={"component": "tiny", "config": {"widht": 8}}, decoder="dcgan", shape=(1, 8, 8))
    assert "width" in caught.value.hint


FAMILY = GOOD.replace('"tiny"', '"*"').replace('"a sample")', '"a sample", names="NAME_names:names")')


def test_a_family_that_cannot_list_its_names_hides_nothing_else(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.add("family", FAMILY, names="def names(): raise RuntimeError('no list')")
    assert plugins.find_component("encoder", "dcgan").id == "dcgan/dcgan"
    with pytest.raises(UnknownName):
        plugins.find_component("encoder", "no-such-thing")
    assert "cannot list its names" in capsys.readouterr().err


def test_a_broken_plugin_is_named_when_what_it_would_offer_is_missing(site: Site) -> None:
    site.add("broken", "raise RuntimeError('my own fault')")
    with pytest.raises(UnknownName) as caught:
        plugins.find_component("encoder", "broken/tiny")
    assert "my own fault" in caught.value.hint


def test_a_malformed_registry_of_a_plugin_leaves_the_listing_whole(site: Site) -> None:
    code = GOOD + (
        "    @hook\n"
        "    def zoo_registries():\n"
        "        from pathlib import Path\n"
        "        return [Path(__file__).with_name('bad.toml')]\n"
    )
    site.add("sound", code)
    (site.folder / "bad.toml").write_text("format = 1\n[models.'x.y']\nversion = 3\n")
    done = site.run("list", "--quiet")
    assert done.returncode == 0
    assert done.stdout.split()
    assert "ZOO_DISABLE_PLUGINS=sound" in done.stderr
    rows = {row["name"]: row for row in json.loads(site.run("plugins", "list", "--json").stdout)}
    assert rows["sound"]["stage"] == "registry"
    assert "bad.toml" in rows["sound"]["error"]


def test_whoever_writes_a_plugin_is_not_told_to_reinstall_it() -> None:
    """`pip install -e`: the next step is in the source."""
    theirs = Plugin("tiny", "zoo_tiny.plugin", "zoo-tiny", "1.0", step="import", error="NameError: x")
    assert plugins.repair(theirs) == "pip install --force-reinstall zoo-tiny"
    assert plugins.repair(replace(theirs, editable=True)) == "correct its source, zoo_tiny.plugin"


def test_a_plugin_for_another_api_is_upgraded_or_ported() -> None:
    """An installed one is upgraded with zoo; the author of one is sent to the list of changes."""
    old = Plugin("tiny", "zoo_tiny.plugin", "zoo-tiny", "1.0", step="api", error="PluginError: x")
    assert plugins.repair(old) == "pip install --upgrade aegan-zoo zoo-tiny"
    assert "CHANGELOG.md" in plugins.repair(replace(old, editable=True))
