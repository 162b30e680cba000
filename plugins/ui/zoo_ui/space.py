"""`zoo ui NAME --export-space DIR`: one release and its playground as a folder that a Hugging Face Space runs."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

from zoo.plugin import (
    MANIFEST,
    ConfigError,
    Manifest,
    hub_license,
    open_release,
    read_manifest_bytes,
    read_pinned,
    verify_files,
    write_atomically,
    write_folder_atomically,
)

__all__ = ["export"]

_APP = '''"""The playground of one release."""

from __future__ import annotations

import os
from pathlib import Path

from zoo_ui.app import launch

launch(
    Path("runs"),
    first=str(Path(__file__).parent / "release"),
    space="{name}",
    host="0.0.0.0" if "SPACE_ID" in os.environ else "127.0.0.1",
    port=int(os.environ.get("PORT", "7860")),
)
'''

_DOCKERFILE = """FROM python:3.11-slim
RUN useradd --create-home --uid 1000 user
USER user
WORKDIR /home/user/app
ENV PATH=/home/user/.local/bin:$PATH
COPY --chown=user . .
RUN pip install --no-cache-dir --user -r requirements.txt
CMD ["python", "app.py"]
"""


def export(name: str, folder: Path) -> Manifest:
    """Write app.py, Dockerfile, requirements.txt, README.md and the release into `folder`, absent or empty before.

    Raises ConfigError for a folder in use or a release without pictures, and what opening a release raises.
    """
    source, manifest = open_release(name)
    if not manifest.output.is_image:
        raise ConfigError(f"{manifest.name} makes vectors, which have no picture")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} already holds something", "Choose another folder.")
    verify_files(source, manifest)
    files = {file: read_pinned(source, file, pin) for file, pin in manifest.pinned.items()}
    folder.mkdir(parents=True, exist_ok=True)
    write_folder_atomically(folder / "release", files | {MANIFEST: read_manifest_bytes(source)})
    write_atomically(folder / "app.py", _APP.replace("{name}", manifest.name).encode())
    write_atomically(folder / "Dockerfile", _DOCKERFILE.encode())
    write_atomically(folder / "requirements.txt", _requirements(manifest).encode())
    write_atomically(folder / "README.md", _card(manifest).encode())
    return manifest


def _requirements(manifest: Manifest) -> str:
    """These versions of Zoo and its playground, and the plugins that the parts came from, as they were; one that is not
    installed here is a remark, since nobody vouches for it."""
    core, ui = (importlib.metadata.version(name) for name in ("aegan-zoo", "zoo-ui"))
    parts = {part.plugin for part in manifest.parts.values()} - {f"aegan-zoo=={core}"}
    named = sorted(plugin for plugin in parts if not plugin.startswith("aegan-zoo=="))
    lines = [one if _is_installed(one.partition("==")[0]) else f"# see who made it first: {one}" for one in named]
    return "\n".join([f"aegan-zoo=={core}", f"zoo-ui=={ui}", *lines, ""])


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _card(manifest: Manifest) -> str:
    facts = {
        "title": manifest.name,
        "sdk": "docker",
        "app_port": 7860,
        "license": hub_license(manifest.license),
        "tags": ["aegan-zoo"],
    }
    front = "".join(f"{key}: {json.dumps(value)}\n" for key, value in facts.items())  # JSON values are YAML
    return f"---\n{front}---\n\nThe playground of {manifest.name} {manifest.version}; the release is in `release/`.\n"
