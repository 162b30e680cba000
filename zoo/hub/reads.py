"""The routes that only read. Each takes the hub, the request and the words of its path."""

from __future__ import annotations

import urllib.parse
from typing import Any

from zoo._utils.files import read_regular
from zoo._utils.text import front_matter
from zoo.hub.objects import Commit, Repository, StoredFile
from zoo.hub.rights import Hub, may_see, readable, revision, writable
from zoo.hub.wire import Refusal, Reply, Request, as_json

__all__ = ["auth_check", "commits", "info", "listing", "paths_info", "refs", "resolve", "tree", "whoami", "xet_token"]

_LARGEST_CARD = 1 << 20
_PAGE = 100


def whoami(hub: Hub, request: Request) -> Reply:
    """Who the token belongs to."""
    user = request.user
    if user is None:
        raise Refusal(401, "Invalid credentials in Authorization header")
    role = "write" if user.writes else "read"
    orgs = [{"name": name} for name in user.orgs if name != "*"]
    token = {"displayName": "token", "role": role}
    facts = {"type": "user", "name": user.name, "fullname": user.name, "orgs": orgs}
    return as_json({**facts, "auth": {"type": "access_token", "accessToken": token}})


def listing(hub: Hub, request: Request, kind: str) -> Reply:
    """Repositories by text, author, tags and task, a page at a time."""
    search, author = request.one("search").casefold(), request.one("author")
    wanted = {word for name in ("filter", "pipeline_tag") for word in request.query.get(name, []) if word}
    found = []
    for repository in hub.store.all(kind):
        if not may_see(repository, request.user) or (author and repository.namespace != author):
            continue
        facts = _facts(hub, repository, repository.head)
        if search in repository.id.casefold() and wanted <= {*facts["tags"], facts["pipeline_tag"]}:
            found.append(facts)
    limit, skip = _number(request.one("limit"), _PAGE), _number(request.one("skip"), 0)
    reply = as_json(found[skip : skip + limit])
    if skip + limit < len(found):
        query = urllib.parse.urlencode({**request.query, "skip": str(skip + limit)}, doseq=True)
        reply.headers["Link"] = f'<{request.base}/api/{kind}s?{query}>; rel="next"'
    return reply


def info(hub: Hub, request: Request, kind: str, identifier: str, rev: str = "main") -> Reply:
    """Everything about a repository at a revision."""
    repository = readable(hub, request, kind, identifier)
    commit = revision(repository, rev)
    files: list[dict[str, Any]] = []
    for path, file in sorted(commit.files.items()):
        facts: dict[str, Any] = {"rfilename": path}
        if request.flag("blobs"):
            facts |= {"size": file.size, "blobId": file.oid}
            if file.large:
                facts["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": 135}
        files.append(facts)
    return as_json({**_facts(hub, repository, commit), "siblings": files})


def tree(hub: Hub, request: Request, kind: str, identifier: str, rev: str, path: str = "") -> Reply:
    """The entries of a folder, or of it and all below."""
    commit = revision(readable(hub, request, kind, identifier), rev)
    prefix = f"{path}/" if path else ""
    below = {name: file for name, file in commit.files.items() if name.startswith(prefix)}
    if path and not below:
        raise Refusal(404, f"{path} does not exist", "EntryNotFound")
    entries: dict[str, dict[str, Any]] = {}
    for name, file in sorted(below.items()):
        parts = name[len(prefix) :].split("/")
        for depth in range(1, len(parts) if request.flag("recursive") else min(2, len(parts))):
            folder = prefix + "/".join(parts[:depth])
            entries[folder] = {"type": "directory", "path": folder, "oid": "0" * 40, "size": 0}
        if len(parts) == 1 or request.flag("recursive"):
            entries[name] = _entry(name, file)
    return as_json(list(entries.values()))


def paths_info(hub: Hub, request: Request, kind: str, identifier: str, rev: str) -> Reply:
    """The entries of named paths; what is not there is left out."""
    commit = revision(readable(hub, request, kind, identifier), rev)
    if request.headers.get("content-type", "").startswith("application/json"):
        paths = request.json().get("paths", [])
    else:
        paths = urllib.parse.parse_qs(request.read().decode("utf-8", "replace")).get("paths", [])
    return as_json([_entry(path, commit.files[path]) for path in paths if path in commit.files])


def refs(hub: Hub, request: Request, kind: str, identifier: str) -> Reply:
    """Branches and tags."""
    repository = readable(hub, request, kind, identifier)

    def rows(names: dict[str, str], where: str) -> list[dict[str, str]]:
        return [{"name": n, "ref": f"refs/{where}/{n}", "targetCommit": commit} for n, commit in names.items()]

    found = {"branches": rows(repository.branches, "heads"), "tags": rows(repository.tags, "tags"), "converts": []}
    return as_json(found | ({"pullRequests": []} if request.flag("include_prs") else {}))


def commits(hub: Hub, request: Request, kind: str, identifier: str, rev: str) -> Reply:
    """The commits that led to a revision, the newest first."""
    repository = readable(hub, request, kind, identifier)
    found, commit = [], revision(repository, rev)
    while True:
        author = [{"user": commit.author}]
        facts = {"id": commit.id, "title": commit.title, "message": commit.message, "date": commit.date}
        found.append({**facts, "authors": author})
        if commit.parent is None:
            return as_json(found)
        commit = repository.commits[commit.parent]


def auth_check(hub: Hub, request: Request, kind: str, identifier: str, what: str = "") -> Reply:
    """Whether the token may read, or with `write` change, the repository."""
    (writable if what == "write" else readable)(hub, request, kind, identifier)
    return as_json({})


def xet_token(hub: Hub, request: Request, kind: str, identifier: str) -> Reply:
    """There is no xet storage here."""
    raise Refusal(404, "This server has no xet storage: set HF_HUB_DISABLE_XET=1")


def resolve(hub: Hub, request: Request, kind: str, identifier: str, rev: str, path: str) -> Reply:
    """A file at a revision, whole or from an offset."""
    commit = revision(readable(hub, request, kind, identifier), rev)
    file = commit.files.get(path)
    if file is None:
        raise Refusal(404, f"{path} does not exist", "EntryNotFound", {"X-Repo-Commit": commit.id})
    name = urllib.parse.quote(path.rpartition("/")[2], safe="")
    headers = {
        "X-Repo-Commit": commit.id,
        "ETag": f'"{file.etag}"',
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if file.large:
        headers |= {"X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(file.size)}
    blob = hub.store.path(file.sha256)
    start, stop = _span(request.headers.get("range", ""), file.size)
    if (start, stop) == (0, file.size):
        return Reply(200, headers, file=blob, start=0, stop=file.size)
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
    return Reply(206, headers, file=blob, start=start, stop=stop)


def card(hub: Hub, commit: Commit) -> dict[str, Any]:
    """The front matter of a commit's README.md; nothing when it is not readable."""
    file = commit.files.get("README.md")
    if file is None or file.size > _LARGEST_CARD:
        return {}
    text = read_regular(hub.store.path(file.sha256), _LARGEST_CARD).decode("utf-8", "replace")
    try:
        return front_matter(text)
    except ValueError:
        return {}


def _facts(hub: Hub, repository: Repository, commit: Commit) -> dict[str, Any]:
    front = card(hub, commit)
    tags = [str(tag) for tag in _list(front.get("tags"))]
    tags += [str(front[key]) for key in ("library_name", "pipeline_tag") if key in front]
    tags += [f"license:{front['license']}"] if "license" in front else []
    tags += [f"base_model:{base}" for base in _list(front.get("base_model"))]
    return {
        "_id": commit.id[:24],
        "id": repository.id,
        "modelId": repository.id,
        "author": repository.namespace,
        "sha": commit.id,
        "private": repository.private,
        "gated": "manual" if repository.gated else False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": list(dict.fromkeys(tags)),
        "pipeline_tag": front.get("pipeline_tag"),
        "library_name": front.get("library_name"),
        "cardData": _plain(front),
        "createdAt": repository.created,
        "lastModified": commit.date,
    }


def _entry(path: str, file: StoredFile) -> dict[str, Any]:
    facts: dict[str, Any] = {"type": "file", "path": path, "size": file.size, "oid": file.oid}
    return facts | ({"lfs": {"oid": file.sha256, "size": file.size, "pointerSize": 135}} if file.large else {})


def _span(header: str, size: int) -> tuple[int, int]:
    """`bytes=3-` as the half-open span of the file; anything but one such span means the whole file."""
    unit, _, span = header.partition("=")
    first, dash, last = span.partition("-")
    if unit != "bytes" or not dash or not (first + last).isdecimal() or "," in span:
        return 0, size
    start, stop = (int(first), int(last) + 1 if last else size) if first else (size - int(last), size)
    if start >= size or start >= stop:
        raise Refusal(416, "Range Not Satisfiable", extra={"Content-Range": f"bytes */{size}"})
    return max(0, start), min(stop, size)


def _number(text: str, default: int) -> int:
    return min(int(text), 1_000_000) if text.isdecimal() and len(text) < 10 else default


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _plain(value: Any) -> Any:
    """YAML has dates; JSON has not."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
