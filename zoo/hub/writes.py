"""The routes that change something. Each takes the hub, the request and the words of its path."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zoo._utils.strict_json import parse_json
from zoo._utils.text import front_matter
from zoo.errors import ZooError
from zoo.hub.objects import (
    KINDS,
    Commit,
    Repository,
    StoredFile,
    check_id,
    check_path,
    commit_of,
    is_large,
    now,
    pointer_oid,
)
from zoo.hub.rights import Hub, revision, writable, writer
from zoo.hub.wire import Refusal, Reply, Request, as_json

__all__ = ["branch", "commit", "create", "delete", "lfs_batch", "move", "preupload", "settings", "tag", "upload"]

_LARGEST_COMMIT = 1 << 26
_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def create(hub: Hub, request: Request) -> Reply:
    """A new repository with an empty first commit."""
    plain = request.json()
    user = writer(hub, request)
    kind = str(plain.get("type") or "model")
    identifier = _identifier(plain, user.name)
    writer(hub, request, identifier.partition("/")[0])
    if kind not in KINDS:
        raise Refusal(400, f"type {kind[:40]!r} is unknown")
    date = now()
    first = commit_of({}, parent=None, title="initial commit", message="", author=user.name, date=date)
    private = plain.get("visibility") == "private" or plain.get("private") is True
    made = Repository(kind, identifier, private, date, {first.id: first}, {"main": first.id})
    url = f"{request.base}/{_prefix(kind)}{identifier}"
    if not hub.store.add(made):
        return as_json({"error": "You already created this repo", "url": url}, 409)
    return as_json({"url": url, "name": identifier, "id": first.id[:24]})


def delete(hub: Hub, request: Request) -> Reply:
    """Remove a repository."""
    plain = request.json()
    user = writer(hub, request)
    kind, identifier = str(plain.get("type") or "model"), _identifier(plain, user.name)
    writable(hub, request, kind, identifier)
    hub.store.remove(kind, identifier)
    return as_json({})


def move(hub: Hub, request: Request) -> Reply:
    """Rename a repository."""
    plain = request.json()
    kind, old, new = str(plain.get("type") or "model"), str(plain.get("fromRepo")), str(plain.get("toRepo"))
    repository = writable(hub, request, kind, old)
    if not check_id(new):
        raise Refusal(400, f"{new[:100]!r} is not a repository's name")
    writer(hub, request, new.partition("/")[0])
    if not hub.store.add(replace(repository, id=new)):
        raise Refusal(409, f"{new} exists")
    hub.store.remove(kind, old)
    return as_json({})


def settings(hub: Hub, request: Request, kind: str, identifier: str) -> Reply:
    """Make a repository private, public or gated."""
    plain = request.json()
    writable(hub, request, kind, identifier)

    def edit(found: Repository) -> Repository:
        private = plain.get("private", plain.get("visibility", "private" if found.private else "public") == "private")
        return replace(found, private=bool(private), gated=bool(plain.get("gated", found.gated)))

    hub.store.change(kind, identifier, edit)
    return as_json({})


def validate_yaml(hub: Hub, request: Request) -> Reply:
    """Whether a README's front matter is one."""
    try:
        front_matter(str(request.json().get("content", "")))
    except ValueError as error:
        return as_json({"errors": [{"message": str(error)}], "warnings": []}, 400)
    return as_json({"errors": [], "warnings": []})


def preupload(hub: Hub, request: Request, kind: str, identifier: str, rev: str) -> Reply:
    """Which files go into the commit and which are uploaded by themselves; and what is there already."""
    files = revision(writable(hub, request, kind, identifier), rev).files
    answers = []
    for file in _tables(request.json().get("files")):
        path = str(file.get("path"))
        known = files.get(path)
        mode = "lfs" if is_large(path, int(file.get("size", 0))) else "regular"
        answer: dict[str, Any] = {"path": path, "uploadMode": mode, "shouldIgnore": False}
        if known is not None and known.large == (mode == "lfs"):
            answer["oid"] = known.etag
        answers.append(answer)
    return as_json({"files": answers})


def lfs_batch(hub: Hub, request: Request, kind: str, identifier: str) -> Reply:
    """Where large files are to be put; nothing for those that came before through this repository."""
    repository = writable(hub, request, kind, identifier)
    plain = request.json()
    if plain.get("operation") != "upload":
        raise Refusal(400, "only uploads go this way; download with /resolve/")
    answers = []
    for wanted in _tables(plain.get("objects")):
        oid, size = str(wanted.get("oid")), int(wanted.get("size", -1))
        if not _DIGEST.fullmatch(oid) or not 0 <= size <= hub.largest_file:
            raise Refusal(422, f"{oid[:80]!r} of {size:,} bytes cannot be uploaded")
        answer: dict[str, Any] = {"oid": oid, "size": size}
        if not repository.holds(oid):
            where = f"/lfs/{kind}s/{identifier}/{oid}/{size}"
            answer["actions"] = {"upload": {"href": f"{request.base}{where}?{hub.access.sign(where)}"}}
        answers.append(answer)
    return as_json({"transfer": "basic", "objects": answers}, Content_Type="application/vnd.git-lfs+json")


def upload(hub: Hub, request: Request, kind: str, identifier: str, oid: str, size: str) -> Reply:
    """Take a large file under a signed address."""
    if not hub.access.is_signed(request.path, request.one("expires"), request.one("signature")):
        raise Refusal(403, "This upload address is not valid, or too old")
    if request.length != int(size):
        raise Refusal(400, f"{request.length:,} bytes were announced, not {size}")
    if hub.store.find(kind, identifier) is None:
        raise Refusal(404, f"Repository not found: {identifier}", "RepoNotFound")
    if not hub.store.receive(request.body, request.length, oid):
        raise Refusal(400, f"the bytes do not have the sha256 {oid[:12]}...")
    add = lambda found: replace(found, uploaded=tuple(dict.fromkeys((*found.uploaded, oid))))  # noqa: E731
    hub.store.change(kind, identifier, add)
    return as_json({})


def commit(hub: Hub, request: Request, kind: str, identifier: str, rev: str) -> Reply:
    """One commit on a branch, all or nothing. 412 when the branch is no longer where the client saw it."""
    writable(hub, request, kind, identifier)
    user = writer(hub, request)
    lines = [_line(text) for text in request.read(_LARGEST_COMMIT).splitlines() if text.strip()]
    header = next((value for key, value in lines if key == "header"), {})

    def edit(found: Repository) -> Repository:
        if rev not in found.branches:
            raise Refusal(404, f"Invalid rev id: {rev[:100]}", "RevisionNotFound")
        head = found.commits[found.branches[rev]]
        expected = header.get("parentCommit")
        if expected is not None and expected != head.id:
            raise Refusal(412, "A commit has happened since. Please refresh and try again.")
        files = _files(hub, found, head, lines)
        if files == head.files:
            return found
        facts = {"title": str(header.get("summary", "")), "message": str(header.get("description", ""))}
        made = commit_of(files, parent=head.id, author=user.name, date=now(), **facts)
        return replace(found, commits={**found.commits, made.id: made}, branches={**found.branches, rev: made.id})

    changed = hub.store.change(kind, identifier, edit)
    oid = changed.branches[rev]
    url = f"{request.base}/{_prefix(kind)}{identifier}/commit/{oid}"
    return as_json({"success": True, "commitOid": oid, "commitUrl": url})


def branch(hub: Hub, request: Request, kind: str, identifier: str, name: str) -> Reply:
    """Make or delete a branch."""
    writable(hub, request, kind, identifier)
    start = str(request.json().get("startingPoint") or "main")

    def edit(found: Repository) -> Repository:
        if request.method == "DELETE":
            if name == "main" or name not in found.branches:
                raise Refusal(404 if name != "main" else 403, f"{name} cannot be deleted", "RevisionNotFound")
            return replace(found, branches={key: at for key, at in found.branches.items() if key != name})
        _check_new_ref(found, name)
        return replace(found, branches={**found.branches, name: revision(found, start).id})

    hub.store.change(kind, identifier, edit)
    return as_json({})


def tag(hub: Hub, request: Request, kind: str, identifier: str, name: str) -> Reply:
    """Name a revision, or with DELETE forget a tag."""
    writable(hub, request, kind, identifier)
    wanted = str(request.json().get("tag", ""))

    def edit(found: Repository) -> Repository:
        if request.method == "DELETE":
            if name not in found.tags:
                raise Refusal(404, f"there is no tag {name[:100]}", "RevisionNotFound")
            return replace(found, tags={key: at for key, at in found.tags.items() if key != name})
        _check_new_ref(found, wanted)
        return replace(found, tags={**found.tags, wanted: revision(found, name).id})

    hub.store.change(kind, identifier, edit)
    return as_json({})


def _files(
    hub: Hub, repository: Repository, head: Commit, lines: list[tuple[str, dict[str, Any]]]
) -> dict[str, StoredFile]:
    files = dict(head.files)
    for key, value in lines:
        path = str(value.get("path", ""))
        if key != "header" and not check_path(path.rstrip("/") if key == "deletedFolder" else path):
            raise Refusal(400, f"path {path[:100]!r} is not allowed")
        if key == "file":
            files[path] = hub.store.put(_content(value))
        elif key == "lfsFile":
            files[path] = _large(hub, repository, value)
        elif key == "deletedFile":
            files.pop(path, None)
        elif key == "deletedFolder":
            files = {name: file for name, file in files.items() if not name.startswith(path.rstrip("/") + "/")}
        elif key != "header":
            raise Refusal(400, f"operation {key[:40]!r} is unknown")
    clash = next((name for name in files for at in range(len(name)) if name[at] == "/" and name[:at] in files), None)
    if clash:
        raise Refusal(400, f"{clash[:100]!r} lies in a folder that is a file")
    return files


def _content(value: Mapping[str, Any]) -> bytes:
    try:
        return base64.b64decode(str(value.get("content", "")), validate=True)
    except binascii.Error:
        raise Refusal(400, "a file's content is not base64") from None


def _large(hub: Hub, repository: Repository, value: Mapping[str, Any]) -> StoredFile:
    oid = str(value.get("oid"))
    size = hub.store.size(oid) if _DIGEST.fullmatch(oid) and repository.holds(oid) else None
    if size is None:
        raise Refusal(400, f"{oid[:80]} was not uploaded to this repository")
    return StoredFile(oid, size, pointer_oid(oid, size), large=True)


def _line(text: bytes) -> tuple[str, dict[str, Any]]:
    try:
        plain = parse_json(text, "commit", largest=_LARGEST_COMMIT)
    except ZooError as error:
        raise Refusal(400, error.message) from None
    if not isinstance(plain, dict) or not isinstance(plain.get("value"), dict):
        raise Refusal(400, "a line of the commit is not {key, value}")
    return str(plain.get("key")), plain["value"]


def _check_new_ref(found: Repository, name: str) -> None:
    if not _REF.fullmatch(name) or ".." in name or name.endswith(("/", ".lock")):
        raise Refusal(400, f"{name[:100]!r} is not a name for a branch or a tag")
    if name in found.branches or name in found.tags:
        raise Refusal(409, f"Reference already exists: {name}")


def _identifier(plain: Mapping[str, Any], user: str) -> str:
    identifier = f"{plain.get('organization') or user}/{plain.get('name', '')}"
    if not check_id(identifier):
        raise Refusal(400, f"{identifier[:100]!r} is not a repository's name")
    return identifier


def _tables(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Refusal(400, "expected a list of tables")
    return value


def _prefix(kind: str) -> str:
    return "" if kind == "model" else f"{kind}s/"
