"""What people see first: help in groups, errors of one style, conclusions before details, tables that fit the window."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from zoo.cli import COMMANDS, GROUPS, main, show, zoo


def said(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    with pytest.raises(SystemExit) as left:
        main(list(words))
    assert left.value.code == 2
    captured = capsys.readouterr()
    assert not captured.out
    return captured.err.splitlines()


def test_help_lists_every_command_in_a_group() -> None:
    shown = CliRunner().invoke(zoo, ["--help"]).output
    titles = [line.removesuffix(":") for line in shown.splitlines() if line.endswith(":") and line[0].isalpha()]
    assert titles[1:7] == ["Start", "Train", "Look", "Publish", "Maintain", "Extend"] == list(GROUPS.values())
    assert next(iter(COMMANDS)) == next(iter(GROUPS)), "the first command begins a group"
    assert set(GROUPS) <= set(COMMANDS)
    for name in COMMANDS:
        assert f"\n  {name} " in shown


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["sample"], "error: missing argument 'NAME|DIR'", "  More: zoo sample --help"),
        (
            ["sample", "x", "--ned", "3"],
            "error: no such option '--ned'",
            "  Did you mean --seed or --seeds? More: zoo sample --help",
        ),
        (["smaple"], "error: there is no command 'smaple'", "  Did you mean sample or table or completion?"),
        (["sample", "no-such-release"], "error: ", None),
    ],
)
def test_every_error_is_a_line_and_a_hint(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str, hint: str | None
) -> None:
    lines = said(capsys, *words)
    assert lines[0].startswith(message)
    assert hint is None or lines[1:] == [hint]


def test_a_mistyped_setting_finds_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "train", "gan", "--data", "x", "-o", "y", "--set", "learnin_rate=1")
    assert lines[1] == "  Did you mean generator_lr or discriminator_lr?"
    lines = said(capsys, "train", "autoencoder", "--data", "x", "-o", "y", "--set", "learnin_rate=1")
    assert "learning_rate" in lines[1]


def test_a_stop_is_no_error() -> None:
    code = "from zoo import cli\ncli.zoo.main = lambda **_: (_ for _ in ()).throw(KeyboardInterrupt)\ncli.main([])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (1, "stopped")


def test_explain_begins_with_its_conclusion_and_hides_tensors(tmp_path: Path) -> None:
    images = tmp_path / "images.npz"
    np.savez(images, images=np.random.default_rng(0).integers(0, 255, (40, 32, 32), np.uint8))
    words = ["transfer", "dcgan.glyphs-sans32", "--data", str(images), "--strategy", "decoder-init", "--explain"]
    lines = CliRunner().invoke(zoo, words, env={"COLUMNS": "80"}).stdout.splitlines()
    assert " ".join(lines[:2]).startswith("The GAN's 22 tensors begin from dcgan.glyphs-sans32: ")
    assert max(map(len, lines)) <= 80
    assert not any("generator.first.weight" in line for line in lines)
    assert any("generator.first.weight" in line for line in CliRunner().invoke(zoo, [*words, "-v"]).stdout.splitlines())


def test_a_table_is_cut_in_a_narrow_window_and_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [("short", "x" * 90), ("other", "y")]
    show.print_table(("name", "text"), rows)
    assert "x" * 90 in capsys.readouterr().out, "a pipe gets all"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    show.print_table(("name", "text"), rows)
    shown = capsys.readouterr()
    assert [len(line) for line in shown.out.splitlines() if "x" in line and "short" in line] == [40]
    assert "cut at 40 columns" in shown.err
    show.print_table(("name", "text"), rows[1:])
    assert capsys.readouterr().err == ""
