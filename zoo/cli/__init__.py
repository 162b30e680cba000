"""The command line. Commands are listed here and imported when they run, so that `zoo --help` is fast."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Any, NamedTuple, NoReturn

import click
from click.shell_completion import CompletionItem

from zoo._utils.text import sanitize
from zoo.cli.extra import distributions_of, load_command, plugin_commands
from zoo.errors import ConfigError, UnknownName, ZooError, near

__all__ = ["ADD_ONS", "COMMANDS", "GROUPS", "AddOn", "main", "zoo"]

COMMANDS = {
    "demo": ("zoo.cli.demo:demo", "Transfer the bundled autoencoder to digits and show the gain."),
    "list": ("zoo.cli.models:list_models", "List the releases of the registries."),
    "info": ("zoo.cli.models:info", "Show a release, or a component's settings."),
    "search": ("zoo.cli.hub:search", "Search for releases on the Hub."),
    "pull": ("zoo.cli.pull:pull", "Get a release and check every byte of it."),
    "train": ("zoo.cli.train:train", "Train an autoencoder, a GAN, or a recipe."),
    "transfer": ("zoo.cli.train:transfer", "Initialise a GAN from an autoencoder and train it."),
    "resume": ("zoo.cli.train:resume", "Continue a run from its last checkpoint."),
    "cluster": ("zoo.cli.cluster:cluster", "Put images without labels into classes."),
    "runs": ("zoo.cli.runs:runs", "List runs, show and verify one, compare several."),
    "sample": ("zoo.cli.images:sample", "Draw images from a GAN."),
    "interpolate": ("zoo.cli.images:interpolate", "Interpolate between codes."),
    "reconstruct": ("zoo.cli.images:reconstruct", "Reconstruct images with an autoencoder."),
    "encode": ("zoo.cli.images:encode", "Encode images."),
    "invert": ("zoo.cli.editing:invert", "Find the codes of your own images."),
    "edit": ("zoo.cli.editing:edit", "Change your own images along a direction of their codes."),
    "fill": ("zoo.cli.editing:fill", "Fill the masked part of your own image."),
    "directions": ("zoo.cli.directions:directions", "Find directions of codes, and list those of a file."),
    "evaluate": ("zoo.cli.evaluate:evaluate", "Measure KID and FID of a GAN's samples."),
    "release": ("zoo.cli.train:release", "Make a release folder from a finished run."),
    "import": ("zoo.cli.importing:import_", "Make a release of another library's autoencoder."),
    "push": ("zoo.cli.push:push", "Check a release and publish it on the Hub."),
    "collection": ("zoo.cli.collection:collection", "Publish many releases at once."),
    "registry": ("zoo.cli.registry:registry", "Give releases names, and check the named ones."),
    "verify": ("zoo.cli.verify:verify", "Check a release's files and replay its test vectors."),
    "cache": ("zoo.cli.hub:cache", "List, check and remove pulled releases."),
    "doctor": ("zoo.cli.doctor:doctor", "Show what is installed, the folders in use, and problems."),
    "completion": ("zoo.cli.completion:completion", "Print a script that completes names in your shell."),
    "components": ("zoo.cli.plugins:components", "List the components of plugins."),
    "plugins": ("zoo.cli.plugins:plugins", "List the plugins, check one, start a new one."),
}
"""Every command: its import path, and a summary in one line; in the order of help."""

GROUPS = {
    "demo": "Start",
    "train": "Train",
    "runs": "Look",
    "release": "Publish",
    "verify": "Maintain",
    "components": "Extend",
}
"""The groups of help, by the first command of each."""


class AddOn(NamedTuple):
    """A command of another distribution from this repository; help lists it after the command `after`."""

    distribution: str
    summary: str
    after: str

    @property
    def install(self) -> str:
        """The command that installs it, in a checkout of the repository."""
        from zoo.plugins import install_command

        return install_command(self.distribution)


ADD_ONS = {
    "table": AddOn("zoo-tables", "Show the columns of a table, and describe them in a file.", "train"),
    "serve": AddOn("zoo-serve", "Serve a folder of releases as a Hub, for labs without internet.", "registry"),
    "export": AddOn("zoo-export", "Write a release as graphs that run without Zoo, or a page.", "release"),
    "bench": AddOn("zoo-bench", "Compare ways to train: a suite of paired runs, and its report.", "evaluate"),
    "ui": AddOn("zoo-ui", "Sample, transfer and compare runs in the browser.", "bench"),
    "gallery": AddOn("zoo-ui", "Write a static site of the releases.", "push"),
}
"""The commands of those distributions, by name; `COMMANDS` takes precedence."""


class LazyGroup(click.Group):
    """Imports a command only when it runs or shows its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """zoo's own commands and those of installed add-ons in the order of help, then those of plugins."""
        installed = _plugin_commands()
        listed = _summaries(installed)
        return [*listed, *(name for name in installed if name not in listed)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command. If there is none, raise an error with the way to install it or with similar names; during
        shell completion return None."""
        if cmd_name in COMMANDS:
            module, _, attribute = COMMANDS[cmd_name][0].partition(":")
            command: click.Command = getattr(importlib.import_module(module), attribute)
            return command
        installed = _plugin_commands()
        if cmd_name in installed:
            return load_command(cmd_name, installed[cmd_name])
        if ctx.resilient_parsing:
            return None
        if cmd_name in ADD_ONS:
            missing = ADD_ONS[cmd_name]
            raise ConfigError(
                f"the command {cmd_name!r} is not installed: it comes with {missing.distribution}",
                f"In a checkout of Zoo's repository: {missing.install}",
            )
        raise UnknownName(f"there is no command {cmd_name!r}", near(cmd_name, [*_order(), *installed]))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Complete names of commands from the tables and metadata; nothing is imported."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        summaries = _summaries(_plugin_commands())
        return [
            CompletionItem(name, help=summaries.get(name, ""))
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the tables and the installed distributions' metadata; nothing is imported."""
        installed = _plugin_commands()
        summaries = _summaries(installed)
        width = max(map(len, summaries))
        for title, names in _groups(summaries).items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{width}}", summaries[name]) for name in names])
        extra = {name: points for name, points in installed.items() if name not in summaries}
        if extra:
            with formatter.section("Commands of plugins"):
                formatter.write_dl([(name, f"From {distributions_of(points)}.") for name, points in extra.items()])
        missing = [name for name in _order() if name not in summaries]
        if missing:
            with formatter.section("Not installed (install them in a checkout of Zoo's repository)"):
                formatter.write_dl(
                    [row for name in missing for row in ((name, ADD_ONS[name].summary), ("", ADD_ONS[name].install))]
                )


def _plugin_commands() -> dict[str, tuple[EntryPoint, ...]]:
    return plugin_commands(COMMANDS, {name: add_on.distribution for name, add_on in ADD_ONS.items()})


def _order() -> list[str]:
    """Every name of both tables, in the order of help."""
    names = list(COMMANDS)
    for name, add_on in ADD_ONS.items():
        if name not in COMMANDS:
            names.insert(names.index(add_on.after) + 1, name)
    return names


def _summaries(installed: Mapping[str, object]) -> dict[str, str]:
    """zoo's own commands and those of installed add-ons with their summaries, in the order of help."""
    texts = {name: add_on.summary for name, add_on in ADD_ONS.items() if name in installed}
    texts |= {name: text for name, (_, text) in COMMANDS.items()}
    return {name: texts[name] for name in _order() if name in texts}


def _groups(names: Iterable[str]) -> dict[str, list[str]]:
    """The names under the titles of their groups; both in the order of help."""
    groups: dict[str, list[str]] = {}
    shown, title = set(names), ""
    for name in _order():
        title = GROUPS.get(name, title)
        if name in shown:
            groups.setdefault(title, []).append(name)
    return groups


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--traceback", is_flag=True, help="Show the traceback of an error.")
@click.option("--registry", "registries", multiple=True, metavar="PATH_OR_URL", help="One more registry.toml to read.")
@click.version_option(package_name="aegan-zoo", prog_name="zoo")
@click.pass_context
def zoo(ctx: click.Context, traceback: bool, registries: tuple[str, ...]) -> None:
    """Pull a pretrained autoencoder, initialise a GAN from it, and get a better GAN sooner.

    \b
    zoo demo --quick
    zoo transfer dcgan.glyphs-sans32 --data my-images/ --out runs/mine
    """
    if registries:
        from zoo.registry.fetch import extra_registries

        ctx.with_resource(extra_registries(registries))


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the program: exit code 0, 1 (an error) or 2 (wrong usage). Errors are printed as a line and a hint."""
    _make_streams_safe()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    traceback = "--traceback" in arguments
    arguments = [argument for argument in arguments if argument != "--traceback"]
    try:
        code: Any = zoo.main(args=arguments, prog_name="zoo", standalone_mode=False, obj={"traceback": traceback})
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        _print_error(_without_stop(_message(error)), _usage(error))
        sys.exit(2 if isinstance(error, click.UsageError) else 1)
    except ZooError as error:
        if traceback:
            raise
        _print_error(error.message, error.hint)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort) as error:
        _print("stopped", str(error))
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        if traceback:
            raise
        problem = _machine_problem(error)
        if problem is not None:
            _print_error(*problem)
            sys.exit(1)
        text = (str(error).strip().splitlines() or [""])[0]
        hint = "This is a bug in zoo or a plugin. For the traceback: add --traceback."
        _print_error(f"{type(error).__name__}: {text}", hint)
        sys.exit(1)


def _make_streams_safe() -> None:
    """Discard output to closed streams, and print a question mark for characters that the encoding does not have."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


def _machine_problem(error: Exception) -> tuple[str, str] | None:
    """Message and hint for an error of the machine: memory, a connection, or a file; None for any other."""
    text = str(error).lower()
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(word in text for word in _FULL)):
        return "memory ran out", "Use fewer or smaller images at a time; files written so far are complete."
    if isinstance(error, RuntimeError) and any(word in text for word in _LINKS):
        return (
            "the connection to another process of this run broke",
            "That process's output says why. Resume with all processes: zoo resume RUN. More: add --traceback.",
        )
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename is not None else ""
        return f"{error.strerror}{where}", "Check the path, its permissions and the free space. More: add --traceback."
    return None


_LINKS = ("gloo/transport", "nccl error", "connection closed by peer", "connection reset by peer")
_FULL = ("out of memory", "not enough memory", "can't allocate memory")


def _message(error: click.ClickException) -> str:
    """Similar options belong into the hint."""
    return error.message if getattr(error, "possibilities", None) else error.format_message()


def _usage(error: click.ClickException) -> str:
    """The hint of click's own errors: similar options, and the command's help."""
    similar = " or ".join(getattr(error, "possibilities", None) or ())
    ctx = getattr(error, "ctx", None)
    more = "" if ctx is None else f"More: {ctx.command_path} --help"
    return f"Did you mean {similar}? {more}" if similar else more


def _without_stop(text: str) -> str:
    """A sentence of click's as a message: without a capital and a full stop."""
    text = text.strip()
    return text[:1].lower() + text[1:].removesuffix(".")


def _print_error(message: str, hint: str) -> None:
    _print(f"error: {message}", hint)


def _print(message: str, hint: str) -> None:
    click.echo(sanitize(message), err=True)
    if hint:
        click.echo(f"  {sanitize(hint)}", err=True)
