"""Pretrained weights by timm's tag, fetched as safetensors from timm's repositories on the Hub."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import hf_hub_download
from timm.models import get_pretrained_cfg, list_pretrained

from zoo.plugin import ConfigError, PluginError, WeightsOrigin, near

__all__ = ["Weights", "fetch_weights"]

_FILE = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Weights:
    """A file of weights in the Hub's cache, and where it comes from."""

    file: Path
    origin: WeightsOrigin


def fetch_weights(name: str, tag: str) -> Weights:
    """The weights `<name>.<tag>`, from the cache or else from the Hub.

    Raises ConfigError for a tag that timm does not have, and PluginError if the file cannot be fetched.
    """
    tags = [full.partition(".")[2] for full in list_pretrained(f"{name}.*")]
    config = get_pretrained_cfg(f"{name}.{tag}") if tag in tags else None
    if config is None or not config.hf_hub_id:
        hint = near(tag, tags) if tags else "It has none; leave `pretrained` empty."
        raise ConfigError(f"timm has no weights {tag!r} of {name} on the Hub", hint)
    try:
        file = Path(hf_hub_download(config.hf_hub_id, _FILE))
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except Exception as error:  # many kinds: no network, no such file, gated, disk full
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PluginError(
            f"the weights {name}.{tag} cannot be fetched from {config.hf_hub_id}: {type(error).__name__}: {reason}",
            "Check the network, or leave `pretrained` empty for fresh weights.",
        ) from error
    # the Hub's cache keeps a file under snapshots/<commit>/
    return Weights(file, WeightsOrigin(config.hf_hub_id, file.parent.name, _FILE, digest, config.license or ""))
