"""Training runs in processes of their own: the page starts, stops and resumes them; if one dies, the page goes on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from zoo.plugin import ConfigError, python_child
from zoo_ui.folders import Folders

__all__ = ["LOG", "Job", "Jobs"]

LOG = "page.log"
"""The stderr of a run that a page started, in the run's folder."""

_NICE = 10
_LONGEST_LOG = 4_000


@dataclass
class Job:
    """A process that runs `zoo WORDS` to train into `folder`; `stop_requested` if the page asked it to stop."""

    folder: Path
    process: subprocess.Popen[bytes]
    words: tuple[str, ...]
    stop_requested: bool = False

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self.process.poll() is None


@dataclass
class Jobs:
    """The jobs that this page started, below one folder of runs. Other runs can be watched, not stopped."""

    root: Path
    folders: Folders = field(default_factory=lambda: Folders(()))
    started: dict[Path, Job] = field(default_factory=dict)

    def transfer(
        self,
        source: str,
        data: str,
        strategy: str,
        *,
        images: int,
        batch: int,
        seed: int,
        metric: str,
        every: int,
        adapt: int = 0,
        by_class: bool = False,
    ) -> Path:
        """Start `zoo transfer` into a new folder below the root; with `adapt` the autoencoder first learns so many of
        the images, in a folder next to it. An empty source is chosen by the images. Raises
        ConfigError without images."""
        if not data.strip():
            raise ConfigError("no images are chosen to train on", "Choose a set, name a folder, or upload some.")
        source, data = self.folders.check(source), self.folders.check(data)
        folder = self._new(f"{Path(data).stem or 'images'}-{strategy or 'auto'}")
        words = ["transfer", f"--data={data}", f"--strategy={strategy or 'auto'}", f"--out={folder}"]
        words += [f"--images={int(images)}", f"--batch={int(batch)}", f"--seed={int(seed)}"]
        words += [
            f"--set=sample_every={max(1, int(images) // 20)}",
            f"--set=checkpoint_every={max(1, int(images) // 10)}",
        ]
        if adapt:
            words.append(f"--adapt={int(adapt)}")
        if by_class:
            words.append("--by-class")
        if metric:
            words += [f"--metric={metric}", f"--every={max(1, int(every))}"]
        self._start(folder, [*words, "--", source] if source else words)
        return folder

    def resume(self, folder: Path) -> None:
        """Continue from the last checkpoint; if the autoencoder was still learning the images, repeat the command that
        started it. Raises ConfigError while it runs."""
        self.folders.check(str(folder))
        if self.is_running(folder):
            raise ConfigError(f"{folder} is running", "Stop it first.")
        job = self.started.get(folder)
        learning = job is not None and not any((folder / "checkpoints").glob("[0-9]*"))
        self._start(folder, list(job.words) if job is not None and learning else ["resume", "--", str(folder)])

    def stop(self, folder: Path) -> None:
        """Ask it to write a checkpoint and end. Raises ConfigError for a run that this page did not start."""
        job = self.started.get(folder)
        if job is None or not job.running:
            raise ConfigError(f"{folder} is not running from this page", "Stop others where they were started: Ctrl-C.")
        job.stop_requested = True
        job.process.send_signal(signal.SIGTERM)

    def is_running(self, folder: Path) -> bool:
        """Whether this page trains into the folder now."""
        job = self.started.get(folder)
        return job is not None and job.running

    def state(self, folder: Path) -> str:
        """running, stopped, failed (see the log), or empty: then the record of the run decides."""
        job = self.started.get(folder)
        if job is None:
            return ""
        if job.running:
            return "running"
        if job.process.returncode == 0:
            return ""
        return "stopped" if job.stop_requested else "failed"

    def log(self, folder: Path) -> str:
        """The end of the run's stderr."""
        try:
            with (folder / LOG).open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _LONGEST_LOG))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""  # nothing was written yet, or the run was not started by a page

    def close(self, patience: float = 20.0) -> None:
        """Ask all of them to stop, and wait: each writes its checkpoint."""
        running = [job for job in self.started.values() if job.running]
        for job in running:
            job.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + patience
        for job in running:
            try:
                job.process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                job.process.kill()  # what it wrote until then is complete

    def _start(self, folder: Path, words: list[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, (os.cpu_count() or 2) - 1))
        child = python_child("-m", "zoo", *words[:1], "--quiet", *words[1:], OMP_NUM_THREADS=threads)
        with (folder / LOG).open("wb") as log:  # the log of the last process alone
            process = subprocess.Popen(
                child.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=child.environment,
                start_new_session=True,  # Ctrl-C in the page's terminal does not reach it
            )
        if hasattr(os, "setpriority"):
            nice = max(_NICE, os.getpriority(os.PRIO_PROCESS, 0))
            os.setpriority(os.PRIO_PROCESS, process.pid, nice)  # training has a lower priority than the page
        self.started[folder] = Job(folder, process, tuple(words))

    def _new(self, wish: str) -> Path:
        name = re.sub(r"[^a-z0-9.+-]+", "-", wish.lower()).strip("-.") or "run"
        for i in range(1, 10_000):
            folder = self.root / (name[:80] if i == 1 else f"{name[:80]}-{i}")
            if not folder.exists():
                return folder
        raise ConfigError(f"{self.root} is full of {name}", "Move some of its runs away.")
