"""The registry: names find pinned releases, in stated layers, and no wrong file passes in silence."""

from __future__ import annotations

import cProfile
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from registries import FACTS, manifest, table, write

from zoo import plugins
from zoo.errors import IntegrityError, ReleaseError, RemoteError, UnknownName, ZooError
from zoo.registry import index
from zoo.registry.file import parse_registry
from zoo.registry.index import Registry, find, get, load_registry, locate, models, open_release, read_registry
from zoo.release.folder import write_release
from zoo.release.manifest import MANIFEST
from zoo.release.names import pin_of


@pytest.fixture
def layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A place of its own for each layer; nothing of this machine's user or plugins is seen."""
    paths = {name: tmp_path / name / "registry.toml" for name in ("builtin", "plugin", "user", "extra")}
    write(paths["builtin"])
    monkeypatch.setattr(index, "_built_in", lambda: paths["builtin"])
    monkeypatch.setattr(
        plugins, "registries", lambda: [("sample", path) for path in [paths["plugin"]] if path.exists()]
    )
    monkeypatch.setenv("ZOO_CONFIG", str(paths["user"].parent))
    monkeypatch.delenv("ZOO_REGISTRY", raising=False)
    return paths


# ---------------------------------------------------------------- one file


def test_an_entry_reads_as_typed_facts(tmp_path: Path) -> None:
    path = write(tmp_path / "registry.toml", table("dcgan.mnist5k", default="true"), table("mlp.x"))
    first, second = read_registry(path)
    assert (first.name, first.arch, first.version, first.code_shape) == (
        "dcgan.mnist5k",
        "dcgan",
        "1.0.0",
        (64,),
    )
    assert first.data.shape == (1, 32, 32)
    assert first.default
    assert not second.default
    assert first.origin == path


def test_the_built_in_file_is_found_and_right() -> None:
    """In a checkout, an editable install and a wheel alike."""
    path = index._built_in()
    assert path.name == "registry.toml"
    read_registry(path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sorce": '"x"'}, "unknown key 'sorce'"),
        ({"origin": '"x"'}, "unknown key 'origin'"),
        ({"name": '"x"'}, "unknown key 'name'"),
        ({"version": ""}, "version"),
        ({"version": '"1"'}, "version '1' is not X.Y.Z"),
        ({"version": "1.0"}, "version: expected str, got float"),
        ({"manifest": '"0000"'}, "manifest"),
        ({"parts": "[]"}, "parts"),
        ({"parts": '["decoder"]'}, "Allowed: autoencoder, gan"),
        ({"data": '{ shape = [32], kind = "image" }'}, "data.shape"),
        ({"data": '{ shape = [1, 32, 32], kind = "sound" }'}, "data.kind"),
        ({"data": "{ shape = [1, 32, 32], high = 1 }"}, "unknown key 'data.high'"),
        ({"code_shape": "[0]"}, "code_shape"),
        ({"license": ""}, "license"),
        ({"license": '"unknown"'}, "grants nothing"),
        ({"default": "1"}, "default: expected bool"),
        ({"aliases": '["A"]'}, "name 'A'"),
        ({"plugins": '["x=1"]'}, "distribution 'x=1'"),
        ({"release": '"X"'}, "name 'X'"),
        ({"source": '"https://x"'}, "Allowed: bundled:package/path, dir:path, hub:"),
        ({"source": '"bundled:pkg/../x"'}, "source"),
        ({"source": '"bundled:pkg//etc"'}, "source"),
        ({"source": '"bundled:pkg/."'}, "source"),
        ({"source": '"bundled:pkg"'}, "source"),
        ({"source": '"dir:"'}, "source"),
        ({"source": '"hub:org/repo"'}, "source"),
        ({"source": '"hub:org/repo@main"'}, "source"),
        ({"source": f'"hub:org/re/po@{"a" * 40}"'}, "source"),
    ],
)
def test_a_wrong_entry_is_refused_with_file_name_and_reason(tmp_path: Path, changes: dict[str, str], says: str) -> None:
    path = write(tmp_path / "registry.toml", table("dcgan.x", **changes))
    with pytest.raises(ReleaseError) as refused:
        read_registry(path)
    assert str(path) in refused.value.message
    assert "dcgan.x" in refused.value.message
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "format 'none' is unknown"),
        ("format = 2", "format 2"),
        ("format = true", "format True"),
        ("format = 1\nmodel = 1", "unknown key 'model'"),
        ("format = 1\nmodels = 1", "models is not a table"),
        ("format = 1\n[models]\nx = 1", "is not a table"),
        ("format = 1\n[models.dcgan.x]\nversion = '1.0.0'", "needs quotes"),
        ("format = 1\n[models.dcgan]\nversion = '1.0.0'", "missing required field"),
        (f"format = 1\n{table('dcgan')}", "name 'dcgan' is not allowed"),
        (f"format = 1\n{table('Dcgan.x')}", "name 'Dcgan.x' is not allowed"),
        (f"format = 1\n{table('a.b')}\n{table('a.b')}", "not a TOML file"),
        ("format = 1\nx = " + "[" * 5000, "not a TOML file"),
        ("\0", "not a TOML file"),
        (" " * 6_000_001, "at most 6,000,000"),
        (f"format = 1\n{table('a.b@1.0.0')}", "unknown key 'version'"),
        (f"format = 1\n{table('a.b@1', version='')}", "version '1' is not X.Y.Z"),
        (f"format = 1\n{table('a.b@', version='')}", "version '' is not X.Y.Z"),
        (f"format = 1\n{table('a@1.0.0', version='')}", "name 'a' is not allowed"),
        (f"format = 1\n{table('a.b')}\n{table('a.b@1.0.0', version='')}", "has a.b@1.0.0 twice"),
    ],
)
def test_a_wrong_file_is_refused_with_its_path(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "registry.toml"
    path.write_text(text)
    with pytest.raises(ReleaseError) as refused:
        read_registry(path)
    assert str(path) in refused.value.message
    assert says in str(refused.value)


MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@MANY
@given(data=st.binary(max_size=150), key=st.sampled_from(sorted(FACTS)), value=st.text(max_size=20))
def test_any_bytes_give_a_zoo_error_and_no_other(tmp_path: Path, data: bytes, key: str, value: str) -> None:
    path = tmp_path / "registry.toml"
    whole = "format = 1\n" + table("a.b")
    for text in (
        data,
        b"format = 1\n" + data,
        ("format = 1\n" + table("a.b", **{key: value})).encode("utf-8", "surrogatepass"),
        (whole[: len(data)] + value + whole[len(data) :]).encode("utf-8", "surrogatepass"),
    ):
        path.write_bytes(text)
        try:
            read_registry(path)
        except ZooError:
            continue


# ---------------------------------------------------------------- layers


def test_layers_are_read_in_the_stated_order(layers: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    more = layers["extra"].with_name("more.toml")
    for name, path in layers.items():
        write(path, table(f"{name}.x"))
    write(more, table("more.x"))
    write(layers["extra"].with_name("last.toml"), table("last.x"))
    monkeypatch.setenv("ZOO_REGISTRY", os.pathsep.join([str(layers["extra"]), str(more)]))
    names = [entry.arch for entry in load_registry([layers["extra"].with_name("last.toml")]).entries]
    assert names == ["builtin", "plugin", "user", "extra", "more", "last"]


def test_a_missing_user_file_is_fine_and_a_missing_named_one_is_not(
    layers: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert models() == ()
    monkeypatch.setenv("ZOO_REGISTRY", str(layers["extra"]))
    with pytest.raises(ReleaseError, match="extra"):
        models()


@pytest.mark.parametrize("clash", ["name", "version", "alias", "default"])
def test_a_name_given_twice_names_both_files(layers: dict[str, Path], clash: str) -> None:
    first = {"default": "true"} if clash == "default" else {}
    others = {"alias": {"aliases": '["dcgan.x"]'}, "default": {"default": "true"}, "version": {"version": '"9.0.0"'}}
    second = others.get(clash, {})
    write(layers["builtin"], table("dcgan.x", **first))
    write(layers["user"], table("dcgan.x" if clash in ("name", "version") else "dcgan.y", **second))
    with pytest.raises(ReleaseError, match="two models have the name") as refused:
        load_registry()
    assert str(layers["builtin"]) in refused.value.message
    assert str(layers["user"]) in refused.value.message


def test_a_file_that_is_listed_twice_is_refused(layers: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    write(layers["extra"], table("dcgan.x"))
    monkeypatch.setenv("ZOO_REGISTRY", os.pathsep.join([str(layers["extra"])] * 2))
    with pytest.raises(ReleaseError, match="two models have the name"):
        load_registry()


def test_a_wrong_file_of_a_plugin_is_left_out_and_told(
    layers: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(layers["builtin"], table("dcgan.y"))
    write(layers["plugin"], table("dcgan.x", version=""))
    assert [entry.name for entry in load_registry().entries] == ["dcgan.y"]
    assert "ZOO_DISABLE_PLUGINS=sample" in capsys.readouterr().err
    monkeypatch.setenv("ZOO_STRICT_PLUGINS", "1")
    with pytest.raises(ReleaseError) as refused:
        load_registry()
    assert "ZOO_DISABLE_PLUGINS=sample" in refused.value.hint


def test_a_plugin_cannot_take_a_name_that_another_file_has(
    layers: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    write(layers["plugin"], table("dcgan.mine", code_shape=[7]))
    write(layers["user"], table("dcgan.mine", code_shape=[9]))
    assert [entry.code_shape for entry in load_registry().entries] == [(9,)]
    told = capsys.readouterr().err
    assert str(layers["plugin"]) in told
    assert str(layers["user"]) in told


# ---------------------------------------------------------------- names


def registry_of(tmp_path: Path, *tables: str) -> Registry:
    return Registry(read_registry(write(tmp_path / "registry.toml", *tables)))


def test_listing_is_in_natural_order_and_globs_span_tags(tmp_path: Path) -> None:
    known = registry_of(
        tmp_path,
        *(table(name) for name in ("mlp.b10", "mlp.b9", "dcgan.mnist5k", "dcgan.glyphs", "dcgan2.x")),
        table("mlp.old", deprecated='"use mlp.b9"'),
    )

    def listed(pattern: str = "*") -> list[str]:
        return [entry.name for entry in known.models(pattern)]

    assert listed() == ["dcgan.glyphs", "dcgan.mnist5k", "dcgan2.x", "mlp.b9", "mlp.b10"]
    assert listed("dcgan") == ["dcgan.glyphs", "dcgan.mnist5k"]
    assert listed("DCGAN.M*") == ["dcgan.mnist5k"]
    assert listed("*.x") == ["dcgan2.x"]
    assert listed("mlp.b?") == ["mlp.b9"]
    assert listed("nothing") == []


def test_a_name_is_found_by_case_alias_default_and_version(tmp_path: Path) -> None:
    known = registry_of(
        tmp_path,
        table("dcgan.b", default="true", aliases='["dcgan.old-b", "b"]'),
        table("dcgan.a"),
        table("mlp.a"),
    )
    for name in ("dcgan.b", "DCGAN.B", "dcgan", "b", "dcgan.old-b", "dcgan.b@1.0.0", "dcgan@1.0.0"):
        assert known.find(name).name == "dcgan.b"
    with pytest.raises(UnknownName, match=r"no version '2\.0\.0'") as refused:
        known.find("dcgan.b@2.0.0")
    assert "dcgan.b@1.0.0" in refused.value.hint
    with pytest.raises(UnknownName, match="no default") as refused:
        known.find("mlp")
    assert "mlp.a" in refused.value.hint
    with pytest.raises(UnknownName) as refused:
        known.find("dcgann.b")
    assert "Did you mean dcgan.b" in refused.value.hint


def test_a_name_means_the_newest_version_and_name_at_version_that_one(tmp_path: Path) -> None:
    known = registry_of(
        tmp_path,
        table("dcgan.a", version='"0.9.0"', default="true"),
        table("dcgan.a@0.10.0", version="", aliases='["a"]'),
        table("dcgan.a@0.11.0", version="", deprecated='"it was trained on the wrong images"'),
        table("dcgan.b@0.1.0", version=""),
    )
    for name in ("dcgan.a", "dcgan", "a"):
        assert known.find(name).version == "0.10.0"
        assert known.find(f"{name}@0.9.0").version == "0.9.0"
    with pytest.warns(FutureWarning, match="wrong images"):
        assert known.find("dcgan.a@0.11.0").version == "0.11.0"
    assert [entry.key for entry in known.models()] == ["dcgan.a@0.10.0", "dcgan.b@0.1.0"]
    assert [entry.key for entry in known.models("dcgan.a@*")] == ["dcgan.a@0.10.0", "dcgan.a@0.9.0"]


def test_an_index_of_thousands_of_entries_is_read_and_listed_with_work_that_grows_with_it(tmp_path: Path) -> None:
    def calls(count: int) -> int:
        tables = [table(f"dcgan.m{n}@{v}.0.0", version="") for n in range(count // 2) for v in (1, 2)]
        data = write(tmp_path / f"{count}.toml", *tables).read_bytes()
        profile = cProfile.Profile()
        with profile:
            known = Registry(parse_registry(data, tmp_path).entries)
            assert len(known.models()) == count // 2
            assert all(known.find(f"dcgan.m{n}").version == "2.0.0" for n in range(count // 2))
        return sum(entry.callcount for entry in profile.getstats())

    calls(10)
    assert calls(1000) < 6 * calls(200)


def test_what_looks_like_a_repository_is_suggested_as_an_address(layers: dict[str, Path]) -> None:
    for name in ("alice/x", "alice/x@v1.0.0"):
        for opening in (open_release, get):
            with pytest.raises(ZooError) as refused:
                opening(name)
            assert f"on the Hub: hub:{name}" in refused.value.hint
    with pytest.raises(ZooError) as refused:
        get("alice/x/y")
    assert "hub:org/name" in refused.value.hint


def test_an_empty_registry_says_what_to_install() -> None:
    with pytest.raises(UnknownName) as refused:
        Registry(()).find("dcgan")
    assert "pip install" in refused.value.hint


def test_a_deprecated_name_loads_with_a_warning(tmp_path: Path) -> None:
    known = registry_of(tmp_path, table("mlp.old", deprecated='"use mlp.new"'))
    with pytest.warns(FutureWarning, match=r"mlp\.old@1\.0\.0 is deprecated: use mlp\.new"):
        assert known.find("mlp.old").name == "mlp.old"


# ---------------------------------------------------------------- places


@pytest.fixture
def registered(layers: dict[str, Path]) -> Path:
    """A release beside the user's registry, which names it by a relative path."""
    folder = layers["user"].parent / "releases" / "mlp.test"
    write_release(folder, *manifest())
    pin = pin_of((folder / MANIFEST).read_bytes())
    write(
        layers["user"],
        table("mlp.test", source='"dir:releases/mlp.test"', manifest=f'"{pin}"', default="true"),
    )
    return folder


def test_a_release_opens_by_name_and_by_folder(registered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert locate(find("mlp.test")) == registered
    for name in ("mlp", "mlp.test@1.0.0", str(registered), registered):
        folder, facts = open_release(name)
        assert folder == registered
        assert facts == manifest()[0]
    monkeypatch.chdir(registered.parent)
    assert open_release("mlp.test")[0] == Path("mlp.test")


def test_a_manifest_other_than_the_pinned_one_is_refused(registered: Path) -> None:
    path = registered / MANIFEST
    path.write_bytes(path.read_bytes().replace(b"CC-BY-SA-3.0", b"MIT"))
    for opening in (lambda: open_release("mlp"), lambda: locate(find("mlp"))):
        with pytest.raises(IntegrityError, match=r"zoo\.json"):
            opening()


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"version": '"2.0.0"'}, "version"),
        ({"license": '"MIT"'}, "license"),
        ({"code_shape": "[32]"}, "code_shape"),
        ({"parts": '["gan"]'}, "parts"),
        ({"plugins": '["zoo-dcgan"]'}, "plugins"),
        ({"data": "{ shape = [3, 32, 32] }"}, "data.shape"),
    ],
)
def test_a_registry_that_contradicts_the_manifest_is_refused(
    registered: Path, layers: dict[str, Path], changes: dict[str, str], key: str
) -> None:
    pin = pin_of((registered / MANIFEST).read_bytes())
    facts = {"source": '"dir:releases/mlp.test"', "manifest": f'"{pin}"', **changes}
    write(layers["user"], table("mlp.test", **facts))
    with pytest.raises(ReleaseError, match=f"says {key}"):
        open_release("mlp.test")


def test_a_bundled_release_is_found_without_running_its_package(
    registered: Path, layers: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    package = layers["user"].parent / "site" / "zoo_bundle_sample"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    registered.rename(package / "mlp.test")
    monkeypatch.syspath_prepend(str(package.parent))
    pin = pin_of((package / "mlp.test" / MANIFEST).read_bytes())
    write(layers["user"], table("mlp.test", source='"bundled:zoo_bundle_sample/mlp.test"', manifest=f'"{pin}"'))
    assert open_release("mlp.test")[0] == package / "mlp.test"


def test_what_is_not_on_this_machine_says_what_to_do(layers: dict[str, Path]) -> None:
    write(
        layers["user"],
        table("a.hub", source=f'"hub:org/repo@{"a" * 40}"'),
        table("a.bundled", source='"bundled:zoo_not_here/x"'),
        table("a.dir"),
    )
    with pytest.raises(RemoteError, match="not on this machine") as offline:
        open_release("a.hub")
    assert "zoo pull" in offline.value.hint
    with pytest.raises(ReleaseError, match="not installed") as refused:
        open_release("a.bundled")
    assert refused.value.hint.startswith("It needs zoo-not-here, which Zoo does not vouch for")
    assert "pip" not in refused.value.hint
    with pytest.raises(ReleaseError, match="not a release"):
        open_release("a.dir")
    with pytest.raises(UnknownName):
        open_release("a\0b")


def test_a_folder_without_a_manifest_is_not_taken_for_a_name(layers: dict[str, Path], tmp_path: Path) -> None:
    for place in (tmp_path, str(tmp_path)):
        with pytest.raises(ReleaseError, match=r"no zoo\.json"):
            open_release(place)
    with pytest.raises(ReleaseError, match="there is no folder"):
        open_release("no/such/folder")


def test_the_index_imports_no_torch() -> None:
    """Listing and checking must answer at once."""
    code = (
        "import sys, zoo.registry.index, zoo.release.folder, zoo._utils.tensors, zoo._utils.files, zoo.release.card\n"
        "print(sorted({'torch', 'numpy', 'matplotlib', 'PIL', 'jinja2', 'click'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
