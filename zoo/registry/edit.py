"""Change a registry file: name a release, update, rename or remove a name.

Every change is made under a lock, is checked together with all other registries, and replaces the file at once: after
an error the file is as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from zoo._utils.files import locked, remove_partial, write_atomically
from zoo.errors import ReleaseError, UnknownName, near
from zoo.registry.edition import Edition, next_edition
from zoo.registry.file import Entry, Sample, parse_registry, read_bytes
from zoo.registry.index import get, layers
from zoo.registry.lookup import Registry
from zoo.registry.parsed import read_file
from zoo.registry.text import EMPTY, rewrite
from zoo.release.folder import read_manifest_bytes
from zoo.release.names import check_name, pin_of
from zoo.release.snapshots import repository_of
from zoo.remote.address import SCHEME, parse_address
from zoo.remote.pull import PulledRelease

__all__ = ["Change", "add", "remove", "rename", "renew", "update"]


@dataclass(frozen=True, slots=True)
class Change:
    """The entries that a change removed from the file, and those that it added. Both are empty if nothing changed."""

    removed: tuple[Entry, ...] = ()
    added: tuple[Entry, ...] = ()


def add(source: str, path: Path, *, name: str = "", default: bool = False, alone: bool = False) -> Entry:
    """Name a release, a folder or `hub:org/name[@revision]`, in a registry file; return its entry.

    `name` is the one of its zoo.json unless given. The release is checked (and pulled) first. The path of a folder
    below the file's own is written relative to it. A file that is for others stands `alone`: the registries of this
    machine may use its names.
    Raises ReleaseError if the release fails the check or any layer uses its name.
    """
    entry = replace(_entry(get(source), path, name.casefold()), default=default)

    def plan(entries: tuple[Entry, ...]) -> Change:
        if any(one.name == entry.name for one in entries):
            raise ReleaseError(
                f"{entry.name} is already in {path}",
                f"Another version of it: zoo registry update {entry.name} {source}. Another name: --name arch.tag",
            )
        return Change(added=(entry,))

    return _change(path, plan, alone=alone).added[0]


def update(name: str, path: Path, source: str = "", *, repin: bool = False, alone: bool = False) -> Change:
    """Put the release at `source` beside the other versions of a name; by default the one where `name[@version]` came
    from: its folder, or the main branch of its repository.

    The same release again changes at most its commit. One with other bytes replaces an entry of the same version, or
    of the same folder, only with `repin`. Aliases and `default` go on to the new version. `alone` is as for `add`.
    Raises ReleaseError, also if the release has another name, and UnknownName.
    """
    known = _versions(_read(path), name, path)
    release = get(source or _origin(known.find(name), path), refresh=True)

    def plan(entries: tuple[Entry, ...]) -> Change:
        versions = _versions(entries, name, path).entries
        new = _successor(_entry(release, path, versions[0].name), versions)
        old = tuple(one for one in versions if one.version == new.version or one.source == new.source)
        other = next((one for one in old if one.manifest != new.manifest), None)
        if other is not None and not repin:
            raise ReleaseError(
                f"{other.key} in {path} pins {other.manifest[:19]}..., but {new.source} {new.version} is "
                f"{new.manifest[:19]}...",
                "A version never changes. If you made the release again yourself, replace its pin: --repin",
            )
        return Change() if old == (new,) else Change(old, (new,))

    return _change(path, plan, alone=alone)


def rename(old: str, new: str, path: Path) -> tuple[Entry, ...]:
    """Call a model, in all its versions, by another name; return its entries. Raises ReleaseError, UnknownName."""
    new = new.casefold()
    check_name(new, tagged=True)
    if "@" in old:
        raise ReleaseError(f"{old} is one version", "All versions of a model have one name: give it without the @.")

    def plan(entries: tuple[Entry, ...]) -> Change:
        if any(entry.name == new for entry in entries):
            raise ReleaseError(f"{new} is already in {path}", "Choose another name.")
        versions = _versions(entries, old, path).entries
        return Change(versions, tuple(_named(entry, new) for entry in versions))

    return _change(path, plan).added


def remove(name: str, path: Path, *, every: bool = False) -> tuple[Entry, ...]:
    """Remove one version, `name@version`, or with `every` all versions of a name; return the removed entries. The name
    alone is enough if there is one version. Releases stay where they are. Raises ReleaseError, UnknownName.
    """

    def plan(entries: tuple[Entry, ...]) -> Change:
        known = _versions(entries, name, path)
        if "@" in name:
            return Change((known.find(name),))
        if len(known.entries) > 1 and not every:
            keys = ", ".join(entry.key for entry in known.entries[:12])
            raise ReleaseError(f"{name} has {len(known.entries)} versions", f"All of them: --all. One of them: {keys}")
        return Change(known.entries)

    return _change(path, plan).removed


def renew(path: Path, days: int) -> Edition:
    """Make the next edition of a registry file, which expires `days` days from today (UTC). Raises ReleaseError."""
    with _locked(path) as real:
        data = read_bytes(path)
        expires = datetime.now(UTC).date() + timedelta(days=days)
        file = parse_registry(data, path)
        after = next_edition(data.decode("utf-8"), file.edition, expires=expires).encode("utf-8")
        renewed = parse_registry(after, path)
        if renewed != replace(file, edition=Edition(file.edition.serial + 1, expires)):
            raise ReleaseError(f"{path} cannot be renewed as it is written", "Edit serial and expires by hand.")
        write_atomically(real, after)
    return renewed.edition


def _change(path: Path, plan: Callable[[tuple[Entry, ...]], Change], *, alone: bool = False) -> Change:
    """Read the file, plan the change and make it, under a lock. Unless it stands `alone`, no other registry may use its
    names."""
    with _locked(path) as real:
        data = read_bytes(path) if real.exists() else EMPTY
        change = plan(parse_registry(data, path).entries)
        if change == Change():
            return change
        after = rewrite(data, path, removed=change.removed, added=change.added)
        entries = parse_registry(after, path).entries
        if not alone:
            _require_unused(change.added, path)
        Registry(entries)
        write_atomically(real, after)
    keys = {entry.key for entry in change.added}
    return replace(change, added=tuple(entry for entry in entries if entry.key in keys))


@contextmanager
def _locked(path: Path) -> Iterator[Path]:
    """The file that `path` leads to, changed by nobody else in the block."""
    real = path.resolve()
    busy = ReleaseError(f"another process is changing {path}", "Try again in a moment.")
    with locked(real.with_name(f".{real.name}.lock"), busy, "Check the path: --file"):
        remove_partial(real.parent, real.name)
        yield real


def _require_unused(added: tuple[Entry, ...], path: Path) -> None:
    """Raise ReleaseError if another layer uses a name of these entries."""
    others = [layer for layer in layers() if layer.path.resolve() != path.resolve()]
    taken = {name: layer.path for layer in others for entry in layer.entries for name in entry.all_names}
    for entry in added:
        clash = sorted(entry.all_names & taken.keys())
        if clash:
            hint = "Choose another name (zoo registry add --name arch.tag), or make it no default of its arch."
            raise ReleaseError(f"{clash[0]} is already in {taken[clash[0]]}", hint)


def _read(path: Path) -> tuple[Entry, ...]:
    return read_file(path).entries if path.exists() else ()


def _versions(entries: tuple[Entry, ...], name: str, path: Path) -> Registry:
    """The versions of a name in the file, newest first. Raises UnknownName."""
    bare = name.casefold().partition("@")[0]
    versions = tuple(entry for entry in Registry(entries).entries if entry.name == bare)
    if versions:
        return Registry(Registry(versions).versions(bare))
    elsewhere = next((layer.path for layer in layers() if any(entry.name == bare for entry in layer.entries)), None)
    hint = near(bare, {entry.name for entry in entries}) or "The file names no release."
    raise UnknownName(
        f"{name[:100]!r} is not in {path}", f"It is in another file: --file {elsewhere}" if elsewhere else hint
    )


def _origin(entry: Entry, path: Path) -> str:
    """Where to look for the next version of an entry."""
    kind, _, rest = entry.source.partition(":")
    if kind == "hub":
        return f"{SCHEME}{parse_address(rest).repo}"
    if kind == "dir":
        return str(path.resolve().parent / rest)
    raise ReleaseError(f"{entry.key} comes with a package", "Upgrade the package, or say where the release is.")


def _entry(release: PulledRelease, path: Path, name: str) -> Entry:
    """The entry of a release in the registry file `path`, called `name`, or as in its zoo.json."""
    manifest = release.manifest
    folder, base = release.folder.resolve(), path.resolve().parent
    local = f"dir:{folder.relative_to(base) if folder.is_relative_to(base) else folder}"
    entry = Entry(
        name=name or manifest.name,
        version=manifest.version,
        source=repository_of(release.folder) if release.commit else local,
        manifest=pin_of(read_manifest_bytes(release.folder)),
        parts=manifest.holds,
        data=Sample(manifest.output.shape, manifest.output.kind),
        code_shape=manifest.code_shape,
        license=manifest.license,
        plugins=manifest.distributions,
        release=manifest.name,
    )
    return _named(entry, entry.name)


def _named(entry: Entry, name: str) -> Entry:
    """The entry by that name; `release` stays empty if it is the name of its zoo.json."""
    release = entry.release or entry.name
    return replace(entry, name=name, release="" if release == name else release)


def _successor(new: Entry, versions: tuple[Entry, ...]) -> Entry:
    """The new entry with what an entry of the same version, or else the newest, says of the model."""
    before = next((one for one in versions if one.version == new.version), versions[0])
    wanted, actual = before.release or before.name, new.release or new.name
    if wanted != actual:
        raise ReleaseError(f"{new.source} holds {actual}, not {wanted}", "Give it a name of its own: zoo registry add")
    deprecated = before.deprecated if before.version == new.version else ""
    return replace(new, aliases=before.aliases, default=before.default, deprecated=deprecated)
