"""The command line. Commands are named here and imported when they are run, so `zoo --help` stays light."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Any, NamedTuple, NoReturn

import click
from click.shell_completion import CompletionItem

from zoo._utils.text import sanitize
from zoo.cli.extra import load_command, plugin_commands, whose
from zoo.errors import ConfigError, ZooError, near

__all__ = ["ADD_ONS", "COMMANDS", "AddOn", "main", "zoo"]

COMMANDS = {
    "demo": ("zoo.cli.demo:demo", "Transfer the starter autoencoder to digits and show the gain."),
    "list": ("zoo.cli.models:list_models", "List the releases of the registries."),
    "info": ("zoo.cli.models:info", "Show a release, or a component's settings."),
    "pull": ("zoo.cli.pull:pull", "Get a release onto this machine, every byte checked."),
    "push": ("zoo.cli.push:push", "Prove a release and publish it on the Hub."),
    "search": ("zoo.cli.hub:search", "Look for releases on the Hub."),
    "cache": ("zoo.cli.hub:cache", "List, check and remove what was pulled."),
    "registry": ("zoo.cli.registry:registry", "Give releases names, and check the named ones."),
    "verify": ("zoo.cli.models:verify", "Check a release's files and replay its test vectors."),
    "train": ("zoo.cli.train:train", "Train an autoencoder, a GAN, or a recipe."),
    "transfer": ("zoo.cli.train:transfer", "Hand an autoencoder's knowledge to a GAN and train it."),
    "resume": ("zoo.cli.train:resume", "Continue a run from its last checkpoint."),
    "runs": ("zoo.cli.runs:runs", "List runs, show one, compare several."),
    "release": ("zoo.cli.train:release", "Make a release folder of a finished run."),
    "sample": ("zoo.cli.images:sample", "Draw images from a GAN."),
    "encode": ("zoo.cli.images:encode", "Turn images into codes."),
    "reconstruct": ("zoo.cli.images:reconstruct", "Pass images through an autoencoder."),
    "interpolate": ("zoo.cli.images:interpolate", "Walk between codes."),
    "evaluate": ("zoo.cli.evaluate:evaluate", "Measure KID and FID of a GAN's samples."),
    "components": ("zoo.cli.plugins:components", "List what the plugins offer."),
    "plugins": ("zoo.cli.plugins:plugins", "List the plugins, check one, begin a new one."),
    "doctor": ("zoo.cli.doctor:doctor", "Say what is installed, where things are, and what is wrong."),
    "completion": ("zoo.cli.completion:completion", "Print a script that completes names in your shell."),
}
"""Every command: where it is, and what it does in one line."""


class AddOn(NamedTuple):
    """A command that a distribution of its own brings, from this repository too; help lists it next to `after`."""

    distribution: str
    summary: str
    after: str

    @property
    def install(self) -> str:
        """What installs it, typed in a checkout of the repository."""
        return f"pip install ./plugins/{self.distribution.removeprefix('zoo-')}"


ADD_ONS = {
    "serve": AddOn("zoo-serve", "Serve a folder of releases as a Hub, for labs without internet.", "cache"),
    "bench": AddOn("zoo-bench", "Compare ways to train: a suite of paired runs, and its report.", "evaluate"),
    "ui": AddOn("zoo-ui", "Play, transfer and compare runs in the browser.", "plugins"),
    "gallery": AddOn("zoo-ui", "Write a site of the releases: no server, no request.", "ui"),
}
"""The commands of those distributions, by name. One that `COMMANDS` has is the program's own."""


class LazyGroup(click.Group):
    """Imports a command only when it is run or its own help is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The program's own and those of installed add-ons in the order of help, then those of plugins."""
        offered = _offered()
        listed = _summaries(offered)
        return [*listed, *(name for name in offered if name not in listed)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command, or say what installs it or what it might have been; nothing while a line is completed."""
        if cmd_name in COMMANDS:
            module, _, attribute = COMMANDS[cmd_name][0].partition(":")
            command: click.Command = getattr(importlib.import_module(module), attribute)
            return command
        offered = _offered()
        if cmd_name in offered:
            return load_command(cmd_name, offered[cmd_name])
        if ctx.resilient_parsing:
            return None
        if cmd_name in ADD_ONS:
            missing = ADD_ONS[cmd_name]
            raise ConfigError(
                f"the command {cmd_name!r} is not installed: {missing.distribution} brings it",
                f"In a checkout of Zoo's repository: {missing.install}",
            )
        raise click.UsageError(f"there is no command {cmd_name!r}. {near(cmd_name, [*_order(), *offered])}", ctx)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """From the tables alone too."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        summaries = _summaries(_offered())
        return [
            CompletionItem(name, help=summaries.get(name, ""))
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the tables and the installed distributions' metadata: nothing is imported."""
        offered = _offered()
        summaries = _summaries(offered)
        with formatter.section("Commands"):
            formatter.write_dl(list(summaries.items()))
        extra = {name: points for name, points in offered.items() if name not in summaries}
        if extra:
            with formatter.section("Commands of plugins"):
                formatter.write_dl([(name, f"From {whose(points)}.") for name, points in extra.items()])
        missing = [name for name in _order() if name not in summaries]
        if missing:
            with formatter.section("Not installed (install them in a checkout of Zoo's repository)"):
                formatter.write_dl(
                    [row for name in missing for row in ((name, ADD_ONS[name].summary), ("", ADD_ONS[name].install))]
                )


def _offered() -> dict[str, tuple[EntryPoint, ...]]:
    return plugin_commands(COMMANDS, {name: add_on.distribution for name, add_on in ADD_ONS.items()})


def _order() -> list[str]:
    """Every name of both tables, as help lists them."""
    names = list(COMMANDS)
    for name, add_on in ADD_ONS.items():
        if name not in COMMANDS:
            names.insert(names.index(add_on.after) + 1, name)
    return names


def _summaries(offered: Mapping[str, object]) -> dict[str, str]:
    """The program's own commands and those of installed add-ons, with their summaries, in the order of help."""
    texts = {name: add_on.summary for name, add_on in ADD_ONS.items() if name in offered}
    texts |= {name: text for name, (_, text) in COMMANDS.items()}
    return {name: texts[name] for name in _order() if name in texts}


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--traceback", is_flag=True, help="Show a traceback when something fails.")
@click.option("--registry", "registries", multiple=True, metavar="PATH_OR_URL", help="One more registry.toml to read.")
@click.version_option(package_name="aegan-zoo", prog_name="zoo")
@click.pass_context
def zoo(ctx: click.Context, traceback: bool, registries: tuple[str, ...]) -> None:
    """Pull a pretrained autoencoder, hand what it learnt to a GAN, and get a better GAN sooner.

    \b
    zoo demo --quick
    zoo transfer dcgan.glyphs-sans32 --data my-images/ --out runs/mine
    """
    if registries:
        from zoo.registry.fetch import extra_registries

        ctx.with_resource(extra_registries(registries))


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the program: exit code 0, 1 (failed) or 2 (wrong usage); errors are a line and a hint."""
    _mend_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    traceback = "--traceback" in given
    given = [word for word in given if word != "--traceback"]
    try:
        code: Any = zoo.main(args=given, prog_name="zoo", standalone_mode=False, obj={"traceback": traceback})
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2 if isinstance(error, click.UsageError) else 1)
    except ZooError as error:
        if traceback:
            raise
        _complain(error.message, error.hint)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort) as error:
        _complain("stopped", str(error))
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        if traceback:
            raise
        known = _of_the_machine(error)
        if known is not None:
            _complain(*known)
            sys.exit(1)
        text = (str(error).strip().splitlines() or [""])[0]
        _complain(f"{type(error).__name__}: {text}", "This is a bug in zoo or a plugin. See it whole: add --traceback.")
        sys.exit(1)


def _mend_streams() -> None:
    """Closed streams swallow what is written; what a stream's encoding cannot say becomes a question mark."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


def _of_the_machine(error: Exception) -> tuple[str, str] | None:
    """What is said of a failure that is the machine's: memory, or a file that nothing closer explained."""
    text = str(error).lower()
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(word in text for word in _FULL)):
        return "memory ran out", "Take fewer or smaller images at a time; what was written until now is whole."
    if isinstance(error, RuntimeError) and any(word in text for word in _LINKS):
        return (
            "the connection to another process of this run broke",
            "Its own words say why. Go on with all of them: zoo resume RUN. More: add --traceback.",
        )
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename is not None else ""
        return f"{error.strerror}{where}", "Check the path, its rights and the free space. More: add --traceback."
    return None


_LINKS = ("gloo/transport", "nccl error", "connection closed by peer", "connection reset by peer")
_FULL = ("out of memory", "not enough memory", "can't allocate memory")


def _complain(message: str, hint: str) -> None:
    click.echo(f"error: {sanitize(message)}", err=True)
    if hint:
        click.echo(f"  {sanitize(hint)}", err=True)
