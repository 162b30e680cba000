"""`zoo registry add`, `update`, `rename` and `rm`: each changes what it says, at once, and nothing else."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from registries import manifest, table, write

from zoo.cli import zoo as command
from zoo.errors import ReleaseError, UnknownName, ZooError
from zoo.registry.edit import add, remove, rename, update
from zoo.registry.index import find, models, open_release, read_registry, user_registry
from zoo.release.folder import write_release

COMMENTED = """# our lab's releases
format = 1

# a friend's
[models."dcgan.friend"]   # keep
version = "1.0.0"
source = "dir:nowhere"
manifest = "sha256:{0}"
parts = [
  "autoencoder",
]
data.shape = [1, 32, 32]
latent_dim = 64
license = "MIT"

# the last one
[models."dcgan.last@2.0.0"]
source = "dir:elsewhere"
manifest = "sha256:{0}"
parts = ["gan"]
latent_dim = 64
license = "MIT"

[models."dcgan.last@2.0.0".data]
shape = [1, 32, 32]
# the end
""".format("0" * 64)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's own registry is, before there is one."""
    monkeypatch.setenv("ZOO_CONFIG", str(tmp_path))
    monkeypatch.delenv("ZOO_REGISTRY", raising=False)
    return user_registry()


def release(folder: Path, name: str = "tiny.test", version: str = "1.0.0") -> str:
    write_release(folder, *manifest(name, version))
    return str(folder)


def keys(path: Path) -> list[str]:
    return [entry.key for entry in read_registry(path)]


def test_versions_stand_side_by_side_and_each_opens_by_name_and_version(registry: Path, tmp_path: Path) -> None:
    add(release(tmp_path / "a"), registry, default=True)
    change = update("tiny.test", registry, release(tmp_path / "b", version="1.10.0"))
    assert [entry.key for entry in change.added] == ["tiny.test@1.10.0"]
    update("tiny.test", registry, release(tmp_path / "c", version="1.9.0"))
    assert keys(registry) == ["tiny.test@1.0.0", "tiny.test@1.10.0", "tiny.test@1.9.0"]
    for name, folder in (("tiny.test", "b"), ("tiny.test@1.9.0", "c"), ("tiny@1.0.0", "a"), ("tiny.test@1.10.0", "b")):
        assert open_release(name)[0].name == folder
    assert find("tiny.test").plugins == ("zoo-mlp",)
    update("tiny.test", registry, str(tmp_path / "c"))
    assert len(keys(registry)) == 3, "the same release again changes nothing"
    remove("tiny.test@1.0.0", registry)
    assert open_release("tiny")[0].name == "b", "a new version took over what the name without its tag means"


def test_other_bytes_under_a_version_are_refused_unless_they_are_pinned_again(registry: Path, tmp_path: Path) -> None:
    add(release(tmp_path / "a"), registry)
    before = registry.read_bytes()
    shutil.rmtree(tmp_path / "a")
    facts, files = manifest("tiny.test")
    write_release(tmp_path / "a", replace(facts, license="MIT"), files)
    with pytest.raises(ReleaseError, match=r"tiny\.test@1\.0\.0 in .* pins sha256:") as refused:
        update("tiny.test", registry)
    assert "--repin" in refused.value.hint
    assert registry.read_bytes() == before
    change = update("tiny.test", registry, repin=True)
    assert (len(change.removed), len(change.added)) == (1, 1)
    assert open_release("tiny.test")[0] == tmp_path / "a"


def test_a_release_of_another_name_is_no_newer_version(registry: Path, tmp_path: Path) -> None:
    add(release(tmp_path / "a"), registry, name="ann.mine")
    other = release(tmp_path / "b", "tiny.other", "2.0.0")
    with pytest.raises(ReleaseError, match=r"holds tiny\.other, not tiny\.test"):
        update("ann.mine", registry, other)
    with pytest.raises(ReleaseError, match="is already in") as refused:
        add(other, registry, name="ann.mine")
    assert "zoo registry update ann.mine" in refused.value.hint
    update("ann.mine", registry, release(tmp_path / "c", version="2.0.0"))
    assert open_release("ann.mine")[1].name == "tiny.test"
    assert keys(registry) == ["ann.mine@1.0.0", "ann.mine@2.0.0"]


def test_a_model_is_renamed_in_all_its_versions_and_still_opens(registry: Path, tmp_path: Path) -> None:
    add(release(tmp_path / "a"), registry, default=True)
    update("tiny.test", registry, release(tmp_path / "b", version="1.1.0"))
    rename("tiny.test", "ann.digits", registry)
    assert [entry.key for entry in models("*@*") if entry.origin == registry] == [
        "ann.digits@1.1.0",
        "ann.digits@1.0.0",
    ]
    assert open_release("ann")[0].name == "b"
    assert find("ann.digits").release == "tiny.test"
    with pytest.raises(UnknownName):
        find("tiny.test")
    rename("ann.digits", "tiny.test", registry)
    assert find("tiny.test").release == ""
    for old, new, says in (
        ("tiny.test@1.0.0", "a.b", "one version"),
        ("tiny.test", "A b", "not allowed"),
        ("tiny.test", "tiny.test", "is already in"),
        ("tiny.test", "mlp.mnist5k", "is already in"),  # zoo-starter's
        ("tiny.tset", "a.b", "is not in"),
    ):
        with pytest.raises(ZooError, match=says):
            rename(old, new, registry)


def test_one_version_or_all_are_removed_and_never_all_by_mistake(registry: Path, tmp_path: Path) -> None:
    add(release(tmp_path / "a"), registry)
    for minor in (1, 2):
        update("tiny.test", registry, release(tmp_path / str(minor), version=f"1.{minor}.0"))
    with pytest.raises(ReleaseError, match="has 3 versions") as refused:
        remove("tiny.test", registry)
    assert "--all" in refused.value.hint
    assert "tiny.test@1.2.0" in refused.value.hint
    with pytest.raises(UnknownName, match=r"no version '3\.0\.0'"):
        remove("tiny.test@3.0.0", registry)
    assert [entry.key for entry in remove("tiny.test@1.1.0", registry)] == ["tiny.test@1.1.0"]
    assert keys(registry) == ["tiny.test@1.0.0", "tiny.test@1.2.0"]
    assert len(remove("tiny.test", registry, every=True)) == 2
    assert keys(registry) == []
    assert (tmp_path / "a" / "zoo.json").exists()
    with pytest.raises(UnknownName, match="is not in"):
        remove("tiny.test", registry)


def test_comments_and_other_entries_stay_as_they_are(registry: Path, tmp_path: Path) -> None:
    registry.write_text(COMMENTED)
    add(release(tmp_path / "a"), registry)
    assert registry.read_text().startswith(COMMENTED.rstrip())
    remove("tiny.test", registry)
    assert registry.read_text().rstrip() == COMMENTED.rstrip()
    rename("dcgan.last", "dcgan.end", registry)
    remove("dcgan.friend", registry)
    text = registry.read_text()
    for comment in ("# our lab's releases", "# a friend's", "# the last one"):
        assert comment in text
    assert keys(registry) == ["dcgan.end@2.0.0"]


@pytest.mark.parametrize(
    "text",
    [
        'format = 1\nmodels."a.b" = { version = "1.0.0", TABLE }\n',
        'format = 1\n[models."a.b@1.0.0"]\nsource = "dir:x"\nmanifest = "sha256:PIN"\nparts = [\n"gan",\n]\n'
        'data.shape = [1, 8, 8]\ncode_shape = [6]\nlicense = """MIT"""\naliases = [\n["b"][0]\n]\n',
    ],
)
def test_a_file_that_cannot_be_changed_safely_is_left_alone(registry: Path, text: str) -> None:
    inline = 'source = "dir:x", manifest = "sha256:PIN", parts = ["gan"], data = { shape = [1, 8, 8] }, '
    inline += 'code_shape = [6], license = "MIT"'
    registry.write_text(text.replace("TABLE", inline).replace("PIN", "0" * 64))
    before = registry.read_bytes()
    with pytest.raises(ReleaseError):
        remove("a.b", registry)
    assert registry.read_bytes() == before


def add_many(folder: Path, registry: Path, names: list[str]) -> None:
    for name in names:
        source = release(folder / name, name)
        for _ in range(20):  # the lock is waited for half a second at a time
            with contextlib.suppress(ReleaseError):
                add(source, registry)
                break


def test_changes_of_several_processes_are_all_kept(registry: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    names = [[f"tiny.{who}{n}" for n in range(6)] for who in ("a", "b")]
    workers = [context.Process(target=add_many, args=(tmp_path, registry, mine)) for mine in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert sorted(keys(registry)) == sorted(f"{name}@1.0.0" for mine in names for name in mine)


def test_the_commands_say_what_they_did_as_text_and_as_json(registry: Path, tmp_path: Path) -> None:
    def run(*words: str) -> str:
        done = CliRunner().invoke(command, [*words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    first, second = release(tmp_path / "a"), release(tmp_path / "b", version="1.1.0")
    told = json.loads(run("registry", "add", first, "--json"))
    assert (told["name"], told["version"], told["origin"]) == ("tiny.test", "1.0.0", str(registry))
    told = json.loads(run("registry", "update", "tiny.test", second, "--json"))
    assert [entry["version"] for entry in told["added"]] == ["1.1.0"]
    assert "up to date" in run("registry", "update", "tiny.test", second)
    assert run("list", "tiny.test", "-q") == "tiny.test\n"
    assert run("list", "tiny.test@*", "-q") == "tiny.test@1.1.0\ntiny.test@1.0.0\n"
    assert "CC-BY-SA-3.0" in run("list", "tiny.test")
    assert run("pull", "-q", "tiny.test@1.0.0").strip() == first
    assert json.loads(run("info", "tiny.test@1.0.0", "--json"))["version"] == "1.0.0"
    assert "is now ann.digits@1.1.0" in run("registry", "rename", "tiny.test", "ann.digits")
    told = json.loads(run("registry", "rm", "ann.digits", "--all", "--json"))
    assert [entry["name"] for entry in told] == ["ann.digits", "ann.digits"]


def test_versions_are_completed_after_the_name(registry: Path) -> None:
    from click.shell_completion import BashComplete

    write(registry, table("tiny.test"), table("tiny.test@1.1.0", version=""))
    complete = BashComplete(command, {}, "zoo", "_ZOO_COMPLETE")

    def offered(words: list[str], incomplete: str) -> list[str]:
        return [item.value for item in complete.get_completions(words, incomplete) if item.type == "plain"]

    for words in (["pull"], ["registry", "rm"], ["transfer"]):
        assert offered(words, "tiny.t") == ["tiny.test"]
        assert offered(words, "tiny.test@") == ["tiny.test@1.1.0", "tiny.test@1.0.0"]
