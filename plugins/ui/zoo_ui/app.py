"""All pages together, and the server that shows them."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.plugin import ConfigError
from zoo_ui.folders import Folders
from zoo_ui.gate import Gate
from zoo_ui.jobs import Jobs
from zoo_ui.model_page import model_page
from zoo_ui.models import ModelCache
from zoo_ui.training_pages import runs_page, transfer_page
from zoo_ui.widgets import STYLE, gradio, theme

__all__ = ["build", "launch"]


def build(runs: Path, *, first: str = "", space: str = "", folders: Sequence[Path] = (Path("."),)) -> tuple[Any, Jobs]:
    """The page as gradio blocks, and the jobs that it starts. `first` is the model shown at the start; with `space`,
    the page's title, it is the only one and nothing can be trained. Paths that are typed must lie in `folders`, by
    default the working directory, or below `runs`; with `space` none may be typed. Raises ConfigError if gradio is not
    installed."""
    gr = gradio()
    named = (Path(first),) if first and Path(first).is_dir() else ()
    allowed = Folders(() if space else (*folders, runs, *named))
    models, jobs = ModelCache(runs, only=first if space else "", folders=allowed), Jobs(runs, folders=allowed)
    names = models.names()
    with gr.Blocks(title=space or "Zoo", analytics_enabled=False, delete_cache=(600, 3600), fill_width=True) as page:
        gr.Markdown(f"# {space or 'Zoo'}")
        if space:
            model_page(gr, page, models, first, names)
            return page, jobs
        with gr.Tabs():
            with gr.Tab("Play", id="play"):
                model_page(gr, page, models, first or models.first(), names)
            with gr.Tab("Transfer", id="transfer"):
                transfer_page(gr, jobs)
            with gr.Tab("Runs", id="runs"):
                runs_page(gr, jobs)
    return page, jobs


def launch(
    runs: Path,
    *,
    first: str = "",
    space: str = "",
    host: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = False,
    folders: Sequence[Path] = (Path("."),),
) -> None:
    """Serve the page until Ctrl-C; then the runs that it started write their checkpoints and end. Unless it is a
    `space`, it answers to this machine alone, and to who has the token in the printed address, see `Gate`. Raises
    ConfigError if gradio is not installed or the port is in use."""
    if port is not None:
        _check_port_is_free(port)
    with tempfile.TemporaryDirectory(prefix="zoo-ui-") as scratch:
        os.environ["GRADIO_TEMP_DIR"] = scratch  # gradio writes results there; deleted when the page ends
        page, jobs = build(runs, first=first, space=space, folders=folders)
        token = "" if space else secrets.token_urlsafe(24)
        try:
            page.launch(
                server_name=host,
                server_port=port,
                share=False,
                footer_links=[],
                max_file_size="20mb",
                css=STYLE,
                theme=theme(),
                ssr_mode=False,
                mcp_server=False,
                quiet=True,
                prevent_thread_lock=True,
                app_kwargs={"middleware": [(Gate, (), {"token": token})]} if token else None,
            )
            address = f"{page.local_url}?token={token}" if token else str(page.local_url)
            print(f"Zoo is at {address}  (Ctrl-C ends it)", flush=True)
            if browser:
                webbrowser.open(address)
            page.block_thread()
        finally:
            page.close()
            jobs.close()


def _check_port_is_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gradio does: a port that was just left is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigError(
                f"port {port} cannot be listened at: {error.strerror}",
                "Name another with --port, or none: then the first free one from 7860 is taken.",
            ) from None
