"""Endpoints: make, remove, rename and configure repositories, their branches and their tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from zoo.plugin import front_matter
from zoo_serve.permissions import hub_of, key_of, revision, writable, writer
from zoo_serve.repository import KINDS, Commit, Key, Repository, check_id
from zoo_serve.requests import Refusal, part, with_json

__all__ = ["change_branch", "change_settings", "change_tag", "create", "delete", "move", "validate_yaml"]

_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")


@with_json
def create(request: Request, body: dict[str, Any]) -> Response:
    """Make a repository with an empty first commit."""
    user = writer(request)
    kind, identifier = _key(body, user.name)
    writer(request, identifier.partition("/")[0])
    if kind not in KINDS:
        raise Refusal(400, f"type {kind[:40]!r} is unknown")
    first = Commit.new({}, None, "initial commit", "", user.name)
    private = body.get("visibility") == "private" or body.get("private") is True
    repository = Repository(kind, identifier, private, first.date, {first.id: first}, {"main": first.id})
    url = f"{request.base_url}{repository.path}"
    if not hub_of(request).store.add(repository):
        return JSONResponse({"error": "You already created this repo", "url": url}, 409)
    return JSONResponse({"url": url, "name": identifier, "id": first.id[:24]})


@with_json
def delete(request: Request, body: dict[str, Any]) -> Response:
    """Remove a repository."""
    key = _key(body, writer(request).name)
    writable(request, key)
    hub_of(request).store.remove(*key)
    return JSONResponse({})


@with_json
def move(request: Request, body: dict[str, Any]) -> Response:
    """Rename a repository."""
    kind, old, new = str(body.get("type") or "model"), str(body.get("fromRepo")), str(body.get("toRepo"))
    repository, store = writable(request, (kind, old)), hub_of(request).store
    if not check_id(new):
        raise Refusal(400, f"{new[:100]!r} is not a repository's name")
    writer(request, new.partition("/")[0])
    if not store.add(replace(repository, id=new)):
        raise Refusal(409, f"{new} exists")
    store.remove(kind, old)
    return JSONResponse({})


@with_json
def change_settings(request: Request, body: dict[str, Any]) -> Response:
    """Make a repository private, public or gated."""
    writable(request)

    def edit(old: Repository) -> Repository:
        private = body.get("private", body.get("visibility", "private" if old.private else "public") == "private")
        return replace(old, private=bool(private), gated=bool(body.get("gated", old.gated)))

    hub_of(request).store.change(*key_of(request), edit)
    return JSONResponse({})


@with_json
def change_branch(request: Request, body: dict[str, Any]) -> Response:
    """Make the branch in the path, or with DELETE remove it."""
    return _change_refs(request, "branches", part(request, "ref"), str(body.get("startingPoint") or "main"))


@with_json
def change_tag(request: Request, body: dict[str, Any]) -> Response:
    """Tag the revision in the path, or with DELETE remove the tag in the path."""
    return _change_refs(request, "tags", str(body.get("tag", "")), part(request, "ref"))


def _change_refs(request: Request, field: str, new: str, target: str) -> Response:
    """Point the branch or tag `new` at the commit of `target`, or with DELETE remove the one in the path."""
    writable(request)
    name = part(request, "ref")

    def edit(old: Repository) -> Repository:
        refs = old.branches if field == "branches" else old.tags
        if request.method == "DELETE":
            if name not in refs or (field, name) == ("branches", "main"):
                raise Refusal(403 if name in refs else 404, f"{name[:100]} cannot be deleted", "RevisionNotFound")
            changed = {key: commit for key, commit in refs.items() if key != name}
        else:
            if not _REF.fullmatch(new) or ".." in new or new.endswith(("/", ".lock")):
                raise Refusal(400, f"{new[:100]!r} is not a name for a branch or a tag")
            if new in old.branches or new in old.tags:
                raise Refusal(409, f"Reference already exists: {new}")
            changed = {**refs, new: revision(old, target).id}
        return replace(old, branches=changed) if field == "branches" else replace(old, tags=changed)

    hub_of(request).store.change(*key_of(request), edit)
    return JSONResponse({})


@with_json
def validate_yaml(request: Request, body: dict[str, Any]) -> Response:
    """Check the front matter of a README."""
    try:
        front_matter(str(body.get("content", "")))
    except ValueError as error:
        return JSONResponse({"errors": [{"message": str(error)}], "warnings": []}, 400)
    return JSONResponse({"errors": [], "warnings": []})


def _key(body: Mapping[str, Any], user: str) -> Key:
    identifier = f"{body.get('organization') or user}/{body.get('name', '')}"
    if not check_id(identifier):
        raise Refusal(400, f"{identifier[:100]!r} is not a repository's name")
    return str(body.get("type") or "model"), identifier
