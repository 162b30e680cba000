"""Publish many releases at once: every named release of this machine in one namespace of the Hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import ConfigError, ZooError
from zoo.registry.edit import add, update
from zoo.registry.file import Entry
from zoo.registry.index import available_release, models
from zoo.registry.parsed import read_file
from zoo.remote.address import SCHEME, check_repo
from zoo.remote.collections import collect
from zoo.remote.push import Published, push

__all__ = ["Member", "members", "push_collection"]


@dataclass(frozen=True, slots=True)
class Member:
    """A release of a collection: its entry and its folder; `repo` is where it goes. After pushing, what was
    `published`, or the `error`."""

    entry: Entry
    folder: Path
    repo: str
    published: Published | None = None
    error: str = ""


def members(namespace: str, pattern: str = "*") -> list[Member]:
    """The newest version of every named release whose name matches a glob, that is on this machine and did not come
    from the Hub. Raises ConfigError if there is none, and ReleaseError for a namespace that is no name."""
    entries = [entry for entry in models(pattern) if not entry.source.startswith(SCHEME)]
    local = [(entry, place[0]) for entry in entries if (place := available_release(entry)) is not None]
    if not local:
        raise ConfigError(f"no release of this machine matches {pattern!r}", "zoo list shows them.")
    made = [Member(entry, folder, f"{namespace}/{entry.name}") for entry, folder in local]
    for member in made:
        check_repo(member.repo)
    return made


def push_collection(
    chosen: Sequence[Member],
    *,
    title: str,
    private: bool = False,
    registry: Path | None = None,
    watch: Callable[[Member], None] = lambda member: None,
) -> tuple[list[Member], str]:
    """Push every release, then put them into a collection of that `title` on the Hub. With `registry`, each that is
    published is pulled, checked and named in that file, pinned to its commit.

    What was published before changes nothing, so that the same call goes on after an interruption. One that fails does
    not keep the others back: it is returned with its error, and left out of the collection. `watch` is called with
    each. Returns the members and the collection's address, empty if nothing is published. Raises RemoteError if the
    collection cannot be made."""
    done = []
    for member in chosen:
        done.append(_push(member, private, registry))
        watch(done[-1])
    published = [member.repo for member in done if member.published is not None]
    if not published:
        return done, ""
    namespace = chosen[0].repo.partition("/")[0]
    description = "Pretrained autoencoders and GANs: zoo pull, zoo transfer."
    return done, collect(namespace, title, published, description=description, private=private)


def _push(member: Member, private: bool, registry: Path | None) -> Member:
    try:
        published = push(member.folder, member.repo, private=private)
        if registry is not None:
            _name(f"{SCHEME}{published.repo}@{published.commit}", member.entry.name, registry)
    except ZooError as error:
        return Member(member.entry, member.folder, member.repo, error=error.message)
    return Member(member.entry, member.folder, member.repo, published)


def _name(address: str, name: str, registry: Path) -> None:
    known = registry.exists() and any(entry.name == name for entry in read_file(registry).entries)
    if known:
        update(name, registry, address, alone=True)
    else:
        add(address, registry, name=name, alone=True)
