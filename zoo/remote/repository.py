"""Files of a Hub repository that is not a release, such as a pretrained network in another library's layout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zoo._utils.front_matter import front_matter
from zoo.errors import ReleaseError, RemoteError
from zoo.remote.address import Address
from zoo.remote.client import check_address, hub_errors, is_offline, with_retries
from zoo.remote.listing import read_listing
from zoo.remote.progress import one_bar

__all__ = ["FetchedRepository", "fetch_repository"]

_CARD = "README.md"
_LARGEST_TEXT = 10_000_000


@dataclass(frozen=True, slots=True)
class FetchedRepository:
    """The folder of a repository's (or subfolder's) JSON files and safetensors at one commit, and the licence that its
    card states: the Hub's id, or empty."""

    folder: Path
    commit: str
    license: str


def fetch_repository(address: Address, subfolder: str = "") -> FetchedRepository:
    """Get the `.json` and `.safetensors` files of a repository, or of a subfolder of it, and its card.

    The revision is resolved to one commit. Pickled weights are never fetched. Raises RemoteError, and ReleaseError if
    there are no safetensors.
    """
    from huggingface_hub import hf_hub_download

    check_address()
    if is_offline():
        raise RemoteError(f"{address} is not asked for, the Hub is switched off (HF_HUB_OFFLINE)", "Unset it.")
    prefix = f"{subfolder}/" if subfolder else ""
    with hub_errors(f"import of {address}"):
        listing = with_retries(lambda: read_listing(address.repo, address.revision))
        own = [name for name in listing.sizes if name.startswith(prefix) and "/" not in name[len(prefix) :]]
        wanted = [name for name in own if name.endswith((".json", ".safetensors"))]
        if not any(name.endswith(".safetensors") for name in wanted):
            pickled = [name for name in own if name.endswith((".bin", ".pt", ".pth", ".ckpt"))]
            why = f"only {pickled[0]}, and pickled weights can run code" if pickled else "none there"
            raise ReleaseError(
                f"{address} is not a release, and has no safetensors in {subfolder or 'its root'}: {why}",
                "Name a repository or, after a colon, a subfolder with .safetensors files.",
            )
        if _CARD in listing.sizes:
            wanted.append(_CARD)
        for name in wanted:
            size = listing.sizes[name] or 0
            if not name.endswith(".safetensors") and size > _LARGEST_TEXT:
                raise ReleaseError(f"{address}: {name} has {size:,} bytes; at most {_LARGEST_TEXT:,} are read")
        with one_bar(address.repo, sum(listing.sizes[name] or 0 for name in wanted)) as bar:
            paths = {
                name: Path(hf_hub_download(address.repo, name, revision=listing.commit, tqdm_class=bar))
                for name in wanted
            }
    folder = next(path.parent for name, path in paths.items() if name.endswith(".safetensors"))
    return FetchedRepository(folder, listing.commit, _license_of(paths[_CARD]) if _CARD in paths else "")


def _license_of(card: Path) -> str:
    try:
        stated = front_matter(card.read_text("utf-8")).get("license", "")
    except (ValueError, OSError):
        return ""
    return stated if isinstance(stated, str) else ""
