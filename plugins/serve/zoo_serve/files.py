"""Endpoints: the files of a repository. Large ones are uploaded before the commit that names them (git-LFS)."""

from __future__ import annotations

import re
import stat
import urllib.parse
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from zoo_serve.permissions import hub_of, key_of, readable, revision, writable
from zoo_serve.repository import Repository, StoredFile, is_large
from zoo_serve.requests import (
    Refusal,
    flag,
    json_object,
    json_objects,
    part,
    read,
    size,
    stream,
    whole,
    whole_text,
    with_json,
)

__all__ = ["lfs_batch", "list_folder", "paths_info", "preupload", "resolve", "upload", "xet_token"]

_CHUNK = 1 << 18
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ONE_RANGE = re.compile(r"bytes=(?!-$)[0-9]{0,18}-[0-9]{0,18}")


def list_folder(request: Request) -> Response:
    """The entries of a folder; with `recursive`, also those of the folders in it."""
    commit, path = revision(readable(request), part(request, "rev")), part(request, "path")
    prefix = f"{path}/" if path else ""
    below = {name: file for name, file in commit.files.items() if name.startswith(prefix)}
    if path and not below:
        raise Refusal(404, f"{path} does not exist", "EntryNotFound")
    entries: dict[str, dict[str, Any]] = {}
    for name, file in sorted(below.items()):
        parts = name[len(prefix) :].split("/")
        for depth in range(1, len(parts) if flag(request, "recursive") else min(2, len(parts))):
            folder = prefix + "/".join(parts[:depth])
            entries[folder] = {"type": "directory", "path": folder, "oid": "0" * 40, "size": 0}
        if len(parts) == 1 or flag(request, "recursive"):
            entries[name] = _entry(name, file)
    return JSONResponse(list(entries.values()))


async def paths_info(request: Request) -> Response:
    """The entries of the paths that the body names; absent paths are left out."""
    commit, body = revision(readable(request), part(request, "rev")), await read(request)
    if request.headers.get("content-type", "").startswith("application/json"):
        paths = json_object(body).get("paths", [])
    else:
        paths = urllib.parse.parse_qs(body.decode("utf-8", "replace")).get("paths", [])
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise Refusal(400, "paths is not a list of texts")
    return JSONResponse([_entry(path, commit.files[path]) for path in paths if path in commit.files])


def resolve(request: Request) -> Response:
    """The bytes of a file, or one range of them."""
    commit, path = revision(readable(request), part(request, "rev")), part(request, "path")
    file = commit.files.get(path)
    if file is None:
        raise Refusal(404, f"{path} does not exist", "EntryNotFound", {"X-Repo-Commit": commit.id})
    if not _ONE_RANGE.fullmatch(request.headers.get("range", "")):
        # ignore any other Range header, as HTTP asks for: Starlette would respond with 400
        request.scope["headers"] = [header for header in request.scope["headers"] if header[0] != b"range"]
    headers = {"X-Repo-Commit": commit.id, "ETag": f'"{file.etag}"'}
    headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    if file.large:
        headers |= {"X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(file.size)}
    blob = hub_of(request).store.path(file.sha256)
    status = blob.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"{blob} is not a regular file")
    name = path.rpartition("/")[2]
    response = FileResponse(blob, 200, headers, "application/octet-stream", filename=name, stat_result=status)
    response.chunk_size = _CHUNK
    return response


@with_json
def preupload(request: Request, body: dict[str, Any]) -> Response:
    """Which files go into the commit, which are uploaded before it, and which are there already."""
    files = revision(writable(request), part(request, "rev")).files
    entries = []
    for file in json_objects(body.get("files")):
        path = str(file.get("path"))
        known, large = files.get(path), is_large(path, whole(file.get("size", 0), "size"))
        entries.append({"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False})
        if known is not None and known.large == large:
            entries[-1]["oid"] = known.etag
    return JSONResponse({"files": entries})


@with_json
def lfs_batch(request: Request, body: dict[str, Any]) -> Response:
    """Signed addresses for the large files that this repository does not have yet."""
    repository, hub = writable(request), hub_of(request)
    if body.get("operation") != "upload":
        raise Refusal(400, "only uploads go this way; download with /resolve/")
    entries: list[dict[str, Any]] = []
    for item in json_objects(body.get("objects")):
        oid, declared = str(item.get("oid")), whole(item.get("size"), "size")
        if not _DIGEST.fullmatch(oid) or declared > hub.largest_file:
            raise Refusal(422, f"{oid[:80]!r} of {declared:,} bytes cannot be uploaded")
        entries.append({"oid": oid, "size": declared})
        if not repository.holds(oid):
            path = f"/lfs/{repository.kind}s/{repository.id}/{oid}/{declared}"
            href = str(request.url.replace(path=path, query=hub.access.sign(path)))
            entries[-1]["actions"] = {"upload": {"href": href}}
    return JSONResponse({"transfer": "basic", "objects": entries}, media_type="application/vnd.git-lfs+json")


async def upload(request: Request) -> Response:
    """Store a large file that is sent to a signed address."""
    hub, key, query = hub_of(request), key_of(request), request.query_params
    if not hub.access.is_signed(request.scope["path"], query.get("expires", ""), query.get("signature", "")):
        raise Refusal(403, "This upload address is not valid, or too old")
    oid, declared = part(request, "oid"), whole_text(part(request, "size"))
    if size(request) != declared:
        raise Refusal(400, f"{size(request):,} bytes were announced, not {declared}")
    if hub.store.find(*key) is None:
        raise Refusal(404, f"Repository not found: {key[1]}", "RepoNotFound")
    if not await hub.store.receive(stream(request), declared, oid):
        raise Refusal(400, f"the bytes do not have the sha256 {oid[:12]}...")

    def add(repository: Repository) -> Repository:
        known = oid in repository.uploaded
        return repository if known else replace(repository, uploaded=(*repository.uploaded, oid))

    await run_in_threadpool(hub.store.change, *key, add)
    return JSONResponse({})


def xet_token(request: Request) -> Response:
    """An error: this server has no xet storage."""
    raise Refusal(404, "This server has no xet storage: set HF_HUB_DISABLE_XET=1")


def _entry(path: str, file: StoredFile) -> dict[str, Any]:
    facts: dict[str, Any] = {"type": "file", "path": path, "size": file.size, "oid": file.oid}
    return facts | ({"lfs": {"oid": file.sha256, "size": file.size, "pointerSize": 135}} if file.large else {})
