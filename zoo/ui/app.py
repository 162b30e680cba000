"""The pages together, and the server that shows them. Everything that computes lies beside this file."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path
from typing import Any

from zoo.errors import ConfigError
from zoo.ui import playing, training
from zoo.ui.jobs import Jobs
from zoo.ui.models import Shelf
from zoo.ui.parts import STYLE, gradio, theme

__all__ = ["build", "launch"]


def build(runs: Path, *, first: str = "", space: str = "") -> tuple[Any, Jobs]:
    """The page as gradio blocks, and the jobs that it starts. `first` is the model shown at the start; with `space`,
    the page's title, it is the only one and nothing can be trained. Raises ConfigError when gradio is not installed."""
    gr = gradio()
    shelf, jobs = Shelf(runs, only=first if space else ""), Jobs(runs)
    names = shelf.names()
    with gr.Blocks(title=space or "Zoo", analytics_enabled=False, delete_cache=(600, 3600), fill_width=True) as page:
        gr.Markdown(f"# {space or 'Zoo'}")
        if space:
            playing.play(gr, page, shelf, first, names)
            return page, jobs
        with gr.Tabs():
            with gr.Tab("Play", id="play"):
                playing.play(gr, page, shelf, first or shelf.first(), names)
            with gr.Tab("Transfer", id="transfer"):
                training.transfer(gr, jobs)
            with gr.Tab("Runs", id="runs"):
                training.runs(gr, jobs)
    return page, jobs


def launch(
    runs: Path,
    *,
    first: str = "",
    space: str = "",
    host: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = False,
) -> None:
    """Serve the page until Ctrl-C; then the runs that it started write their checkpoints and end. Raises ConfigError
    when gradio is not installed or the port is taken."""
    if port is not None:
        _refuse_taken(port)
    with tempfile.TemporaryDirectory(prefix="zoo-ui-") as scratch:
        os.environ["GRADIO_TEMP_DIR"] = scratch  # read by gradio when a result is written; gone with the page
        page, jobs = build(runs, first=first, space=space)
        try:
            page.launch(
                server_name=host,
                server_port=port,
                inbrowser=browser,
                share=False,
                footer_links=[],
                max_file_size="20mb",
                css=STYLE,
                theme=theme(),
                ssr_mode=False,
                mcp_server=False,
                quiet=True,
                prevent_thread_lock=True,
            )
            print(f"Zoo is at {page.local_url}  (Ctrl-C ends it)", flush=True)
            page.block_thread()
        finally:
            page.close()
            jobs.close()


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gradio asks: a port just left is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigError(
                f"port {port} cannot be listened at: {error.strerror}",
                "Name another with --port, or none: then the first free one from 7860 is taken.",
            ) from None
