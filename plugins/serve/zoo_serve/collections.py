"""Endpoints: collections, which show several repositories on one page."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from zoo_serve.collection_store import Collection, short_id
from zoo_serve.permissions import hub_of, may_see, user_of, writer
from zoo_serve.repository import check_id
from zoo_serve.requests import Refusal, part, with_json

__all__ = ["add_item", "create", "show"]

_MOST_ITEMS = 1_000
_LONGEST = 500


@with_json
def create(request: Request, body: dict[str, Any]) -> Response:
    """Make a collection; 409 with its slug if its namespace has one of that title."""
    namespace = str(body.get("namespace") or writer(request).name)
    writer(request, namespace)
    title, description = str(body.get("title") or ""), str(body.get("description") or "")
    words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    if not words or len(title) > _LONGEST or len(description) > _LONGEST or not check_id(f"{namespace}/{words}"):
        raise Refusal(400, "a collection has a title of letters and digits, and a short description")
    slug = f"{namespace}/{words}-{short_id(f'{namespace}/{title}')}"

    def edit(old: Collection | None) -> Collection:
        if old is not None:
            raise _Exists(old)
        return Collection(slug, title, description, body.get("private") is True)

    try:
        return JSONResponse(hub_of(request).store.collections.change(slug, edit).plain())
    except _Exists as known:
        return JSONResponse({"error": "it exists", "slug": known.collection.slug}, 409)


def show(request: Request) -> Response:
    """The collection and what it holds."""
    return JSONResponse(_readable(request).plain())


@with_json
def add_item(request: Request, body: dict[str, Any]) -> Response:
    """Add a model; 409 if it is there already."""
    collection = _readable(request)
    writer(request, collection.namespace)
    item = body.get("item")
    name = str(item.get("id")) if isinstance(item, dict) and item.get("type") == "model" else ""
    repository = hub_of(request).store.find("model", name)
    if repository is None or not may_see(repository, user_of(request)):
        raise Refusal(404, f"there is no model {name[:100]!r}", "RepoNotFound")

    def edit(old: Collection | None) -> Collection:
        assert old is not None, "it was read before, and collections are not removed"
        if name in old.items:
            raise Refusal(409, "Item already in collection")
        if len(old.items) >= _MOST_ITEMS:
            raise Refusal(400, f"a collection holds at most {_MOST_ITEMS:,} models")
        return replace(old, items=(*old.items, name))

    return JSONResponse(hub_of(request).store.collections.change(collection.slug, edit).plain())


class _Exists(Exception):
    """There is one of that title."""

    def __init__(self, collection: Collection) -> None:
        super().__init__(collection.slug)
        self.collection = collection


def _readable(request: Request) -> Collection:
    """The collection of the path. Raises Refusal; a private one of others seems to be absent."""
    slug, user = f"{part(request, 'namespace')}/{part(request, 'name')}", user_of(request)
    collection = hub_of(request).store.collections.find(slug)
    if collection is None or (collection.private and not (user and user.owns(collection.namespace))):
        raise Refusal(404, f"Collection not found: {slug[:100]}")
    return collection
