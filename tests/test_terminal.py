"""What a terminal shows: help with examples, completion, small pictures, and the doctor's findings."""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from helpers import released
from PIL import Image
from rich.console import Console

from zoo import plugins
from zoo.cli import pictures, zoo


def every_command() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(zoo)
    todo = [(name, zoo.get_command(context, name)) for name in zoo.list_commands(context)]
    while todo:
        path, command = todo.pop(0)
        assert command is not None
        yield path, command
        if isinstance(command, click.Group):
            todo += [(f"{path} {name}", sub) for name, sub in command.commands.items()]


@pytest.mark.parametrize(("path", "command"), [pytest.param(*one, id=one[0]) for one in every_command()])
def test_every_commands_help_ends_with_two_examples_that_parse(path: str, command: click.Command) -> None:
    examples = (command.help or "").rpartition("\b")[2].strip().splitlines()
    lines = [shlex.split(line, comments=True) for line in examples]
    mine = [words for words in lines if ["zoo", *path.split()] == words[: len(path.split()) + 1]]
    if path in ("completion", "serve"):  # theirs are lines of a shell around the command
        assert len(lines) >= 2
        assert all(f"zoo {path}" in line or "zoo pull" in line for line in examples)
        return
    assert len(mine) >= 2, command.help
    assert mine[-1] == lines[-1], "the help ends with the examples"
    shown = command.get_help(click.Context(command, info_name=f"zoo {path}", terminal_width=80)).splitlines()
    assert max(map(len, shown)) <= 80, "what is cut or wrapped by a terminal cannot be read"
    assert not any(line.endswith("...") for line in shown[1:])
    for words in mine:
        command_of = command
        rest = words[len(path.split()) + 1 :]
        if isinstance(command, click.Group) and command.get_command(click.Context(command), rest[0]):
            command_of, rest = command.commands[rest[0]], rest[1:]
        rest = rest[: rest.index(">")] if ">" in rest else rest
        command_of.make_parser(click.Context(command_of)).parse_args(rest)


def offered(line: str, shell: str = "bash") -> list[str]:
    words = line.split(" ")
    environment = {
        **os.environ,
        "_ZOO_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": line.strip(),
        "OMP_NUM_THREADS": "1",
    }
    environment["COMP_CWORD"] = words[-1] if shell == "fish" else str(len(words) - 1)
    code = "import sys\nfrom zoo.cli import main\ntry: main([])\nfinally: assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_a_shell_completes_releases_strategies_and_components_without_torch() -> None:
    assert "plain,transfer" in offered("zoo tra")
    assert offered("zoo transfer dcgan.g") == ["dir,dcgan.g", "plain,dcgan.glyphs-sans32"]
    assert "plain,decoder-init+encoder-init" in offered("zoo transfer dcgan --strategy decoder-init+enc")


@pytest.mark.parametrize(
    ("words", "incomplete", "wanted"),
    [
        (["info", "--component"], "dcg", "dcgan"),
        (["info"], "dcg", "dcgan.glyphs-sans32"),
        (["list", "--fits"], "", "dcgan.glyphs-sans32"),
        (["components"], "enc", "encoder"),
        (["plugins", "check"], "ml", "mlp"),
        (["train", "gan", "--discriminator"], "timm/resnet18", "timm/resnet18"),
        (["train", "autoencoder", "--data"], "mn", "mnist5k"),
        (["evaluate", "x", "--metric"], "", "judge"),
        (["completion"], "f", "fish"),
    ],
)
def test_each_place_offers_what_belongs_there(words: list[str], incomplete: str, wanted: str) -> None:
    from click.shell_completion import BashComplete

    items = BashComplete(zoo, {}, "zoo", "_ZOO_COMPLETE").get_completions(words, incomplete)
    assert wanted in [item.value for item in items]


def test_completion_is_silent_about_a_broken_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.toml").write_text("format = 7")
    monkeypatch.setenv("ZOO_REGISTRY", str(tmp_path / "broken.toml"))
    assert offered("zoo pull dcg") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_shells_script(shell: str) -> None:
    done = CliRunner().invoke(zoo, ["completion", shell])
    assert done.exit_code == 0
    assert "_ZOO_COMPLETE" in done.output
    assert shell in done.output
    assert ("COMP_WORDBREAKS//@/" in done.output) == (shell == "bash")  # it would split NAME@VERSION


PROGRAM = """#!{python}
import pathlib, sys
from zoo.cli import main
try:
    main()
finally:
    if "torch" in sys.modules:
        pathlib.Path({mark!r}).touch()
"""

BASH = """eval "$(zoo completion bash)"
COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _zoo_completion zoo; printf '%s\\n' "${{COMPREPLY[@]}}\""""
FISH = "zoo completion fish | source; complete -C '{line}'"
ZSH = """autoload -Uz compinit; compinit -u -D; eval "$(zoo completion zsh)"
tell() {{ print -r -- "$BUFFER" > told; exit }}; zle -N tell; bindkey '^T' tell; print rea''dy
"""


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("zoo transfer dcgan.g", "dcgan.glyphs-sans32"),
        ("zoo transfer dcgan --strategy decoder-init+enc", "decoder-init+encoder-init"),
        ("zoo pull dcgan.glyphs-sans32@1", "dcgan.glyphs-sans32@1.1.0"),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_the_shell_itself_completes_with_the_script_and_without_torch(
    shell: str, line: str, wanted: str, tmp_path: Path
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} on this machine")
    program = tmp_path / "bin" / "zoo"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable, mark=str(tmp_path / "torch")))
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    if shell == "zsh":
        told = pressed(line, environment, tmp_path)
    else:
        words = ["bash", "--norc", "-c", BASH] if shell == "bash" else ["fish", "--no-config", "-c", FISH]
        words[-1] = words[-1].format(line=line)
        told = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout
    assert wanted in told.split()
    assert not (tmp_path / "torch").exists()


def pressed(line: str, environment: dict[str, str], folder: Path) -> str:
    """The line as zsh has it after Tab, in a terminal of its own: it completes nowhere else."""
    ours, its = os.openpty()
    words = {"env": environment | {"TERM": "dumb"}, "cwd": folder, "start_new_session": True}
    shell = subprocess.Popen(["zsh", "-f", "-i"], stdin=its, stdout=its, stderr=its, **words)  # type: ignore[call-overload]
    os.close(its)
    try:
        os.write(ours, ZSH.format().encode())
        said = b""
        while b"ready" not in said:
            said += os.read(ours, 4096)
        os.write(ours, f"{line}\t\x14".encode())
        while shell.poll() is None:
            try:
                os.read(ours, 4096)
            except OSError:  # the terminal is gone with its shell
                break
        shell.wait(60)
        return (folder / "told").read_text()
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)


def test_half_blocks_hold_two_pixels_a_character() -> None:
    picture = Image.new("RGB", (2, 4))
    for x, y, colour in [(0, 0, (255, 0, 0)), (0, 1, (0, 255, 0)), (1, 2, (0, 0, 255))]:
        picture.putpixel((x, y), colour)
    text = pictures.half_blocks(picture, 2)
    assert text.plain == "▀▀\n▀▀\n"
    first = text.spans[0].style
    assert (first.color.triplet, first.bgcolor.triplet) == ((255, 0, 0), (0, 255, 0))  # type: ignore[union-attr]
    assert text.spans[2 + 1].style.color.triplet == (0, 0, 255)  # type: ignore[union-attr]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal of 256 colours that keeps what pictures are drawn on it."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, color_system="256", width=100)
    monkeypatch.setattr(pictures, "shows", lambda: True)
    monkeypatch.setattr(pictures, "_console", lambda: console)
    return screen


@pytest.mark.parametrize("words", [["list"], ["info", "dcgan.glyphs-sans32"]], ids=" ".join)
def test_releases_show_a_picture_on_a_terminal_only(words: list[str], terminal: io.StringIO) -> None:
    done = CliRunner().invoke(zoo, words)
    assert done.exit_code == 0, done.output
    assert terminal.getvalue().count("▀") > 300
    assert "▀" not in subprocess.run([sys.executable, "-m", "zoo", *words], capture_output=True, text=True).stdout


def test_samples_show_themselves_on_a_terminal(terminal: io.StringIO, tmp_path: Path) -> None:
    words = ["sample", str(released(tmp_path / "release")), "-n", "8", "-o", str(tmp_path / "s.png")]
    assert CliRunner().invoke(zoo, words).exit_code == 0
    drawn = terminal.getvalue().count("▀")
    assert drawn > 300
    assert CliRunner().invoke(zoo, [*words, "--quiet"]).exit_code == 0
    assert terminal.getvalue().count("▀") == drawn


def test_a_picture_that_is_none_is_said_and_stops_nothing(terminal: io.StringIO, tmp_path: Path) -> None:
    done = CliRunner().invoke(zoo, ["info", str(released(tmp_path / "release"))])  # its samples.png is four bytes
    assert done.exit_code == 0
    assert "cannot be drawn" in done.output


def test_the_doctor_finds_nothing_wrong_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_verysecret")
    done = CliRunner().invoke(zoo, ["doctor", "--json"])
    told = json.loads(done.output)
    assert (done.exit_code, told["problems"]) == (0, [])
    assert {"python", "torch", "aegan-zoo", "zoo-dcgan"} <= set(told["versions"])
    assert any(line.startswith("cpu") for line in told["devices"])
    assert sum(one["models"] for one in told["registries"]) >= 1
    assert "hf_verysecret" not in done.output
    assert "none found" in CliRunner().invoke(zoo, ["doctor"]).output


@pytest.fixture
def other_plugins() -> Iterator[None]:
    """The host looks anew in the test, and again after it."""
    for cache in (plugins.load, plugins.host):
        cache.cache_clear()
    yield
    for cache in (plugins.load, plugins.host):
        cache.cache_clear()


def test_the_doctor_says_what_torch_is_built_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    number = torch.__version__.partition("+")[0]
    for cuda, hip, said in (
        (None, None, "CPU build"),
        ("13.2", None, "CUDA 13.2 build"),
        (None, "6.4", "ROCm 6.4 build"),
    ):
        monkeypatch.setattr(torch.version, "cuda", cuda)
        monkeypatch.setattr(torch.version, "hip", hip, raising=False)
        assert json.loads(CliRunner().invoke(zoo, ["doctor", "--json"]).output)["torch"] == f"{number}, {said}"
    assert f"torch\n  {number}, ROCm 6.4 build" in CliRunner().invoke(zoo, ["doctor"]).output


@pytest.mark.usefixtures("other_plugins")
def test_the_doctor_names_what_is_wrong_and_the_repair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = 'version = "1.0.0"\nsource = "dir:nowhere"\nparts = ["gan"]\ncode_shape = [6]\nlicense = "MIT"\n'
    facts += f'data = {{ shape = [1, 8, 8] }}\nmanifest = "sha256:{"0" * 64}"\n'
    (tmp_path / "gone.toml").write_text(f'format = 1\n[models."x.y"]\n{facts}')
    (tmp_path / "broken.toml").write_text("format = 7")
    monkeypatch.setenv("ZOO_REGISTRY", os.pathsep.join(str(tmp_path / name) for name in ("gone.toml", "broken.toml")))
    site = tmp_path / "zoo_bad-0.1.dist-info"
    site.mkdir()
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo-bad\nVersion: 0.1\n")
    (site / "entry_points.txt").write_text("[zoo.plugins]\nbad = zoo_bad.nowhere\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    done = CliRunner().invoke(zoo, ["doctor", "--json"])
    assert done.exit_code == 1
    wrong = json.loads(done.stdout)["problems"]
    assert [
        text for text in ("zoo-bad 0.1", "format 7", "x.y: ") if not any(text in one["what"] for one in wrong)
    ] == []
    assert all(one["repair"] for one in wrong)
