"""A progress bar for a run: images shown, images per second, losses, time left. Lines of text if stderr is piped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from zoo.cli.show import duration
from zoo.types import Event, Watcher

__all__ = ["stepping", "watching"]


_LOSSES = ("loss", "mse", "kl", "mmd", "features", "critic", "d_loss", "penalty", "d_wins", "g_loss")


@contextmanager
def watching(quiet: bool = False) -> Iterator[Callable[[str], Watcher]]:
    """A function that makes a watcher with a title; it shows its events on stderr while the block runs."""
    console = Console(stderr=True, markup=False)  # a name or a path may contain [brackets]
    if quiet:
        yield lambda title: lambda event: None
    elif console.is_terminal:
        with _bar(console) as progress:
            yield lambda title: _Bar(progress, title)
    else:
        yield lambda title: _Lines(console, title)


@contextmanager
def stepping(title: str, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A function that is called with the steps that are done and all of them; it shows them on stderr."""
    console = Console(stderr=True, markup=False)
    if quiet:
        yield lambda done, total: None
    elif console.is_terminal:
        columns = (TextColumn(title, markup=False), BarColumn(bar_width=24), TimeElapsedColumn(), TextColumn("left"))
        with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
            task = progress.add_task(title, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)
    else:
        yield _StepLines(console, title)


class _StepLines:
    """A line after every tenth of the steps; none if all of them take less than two seconds."""

    def __init__(self, console: Console, title: str) -> None:
        self.console = console
        self.title = title
        self.began = time.monotonic()
        self.last = 0.0

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self.began >= 2 and done / total >= self.last + 0.1:
            self.last = done / total
            self.console.print(f"{self.title}: {done:,}/{total:,} steps", highlight=False)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f} images"),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=False,
    )


class _Bar:
    def __init__(self, progress: Progress, title: str) -> None:
        self.progress = progress
        self.title = title
        self.task: TaskID | None = None
        self.encoding: TaskID | None = None

    def __call__(self, event: Event) -> None:
        if event.kind == "encoding":
            if self.encoding is None:
                self.encoding = self.progress.add_task("encoding", total=event.total, note="once, then kept")
            self.progress.update(self.encoding, completed=event.shown)
            return
        if self.task is None or (event.kind == "start" and self.progress.tasks[self.task].completed > event.shown):
            self.task = self.progress.add_task(self.title, total=event.total, completed=event.shown, note="")
        note = _losses(event) if event.kind == "tick" else None
        if note is None:
            self.progress.update(self.task, completed=event.shown)
        else:
            self.progress.update(self.task, completed=event.shown, note=note)
        if event.kind == "metrics":
            self.progress.console.print(f"  {self.title}: {_metrics(event)}", highlight=False)
        elif event.kind in ("note", "warning"):
            self.progress.console.print(f"  {self.title}: {_message(event)}", highlight=False, soft_wrap=True)


class _Lines:
    def __init__(self, console: Console, title: str) -> None:
        self.console = console
        self.title = title
        self.last = -1.0
        self.encoded = -0.1

    def __call__(self, event: Event) -> None:
        if event.kind == "metrics":
            self.console.print(f"{self.title}: {_metrics(event)}", highlight=False)
        elif event.kind in ("note", "warning"):
            self.console.print(f"{self.title}: {_message(event)}", highlight=False, soft_wrap=True)
        elif event.kind == "encoding" and event.shown / event.total >= self.encoded + 0.1:
            self.encoded = event.shown / event.total
            left = f"about {duration(event.facts['seconds_left'])} left"
            self.console.print(f"encoding: {event.shown:,}/{event.total:,} images, {left}", highlight=False)
        elif event.kind == "tick" and event.shown / event.total >= self.last + 0.1:
            self.last = event.shown / event.total
            text = f"{self.title}: {event.shown:,}/{event.total:,} images, {_losses(event)}"
            self.console.print(text, highlight=False, soft_wrap=True)


def _losses(event: Event) -> str:
    losses = [f"{key} {value:.3g}" for key, value in event.facts.items() if key in _LOSSES]
    return f"{event.facts['images_per_second']:,.0f}/s  {' '.join(losses)}"


def _message(event: Event) -> str:
    if event.kind == "note":
        return str(event.facts["text"])
    return f"warning after {event.shown:,} images: {event.facts['what']}. {event.facts['advice']}"


def _metrics(event: Event) -> str:
    figures = [f"{row['name'].upper()} {row['value']:.4g}" for row in event.facts["metrics"]]
    return f"{event.shown:,} images: {', '.join(figures)}"
