"""Endpoints: facts about users and repositories."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from zoo.plugin import front_matter, read_regular
from zoo_serve.permissions import hub_of, kind_of, may_see, readable, revision, user_of, writable
from zoo_serve.repository import Commit, Repository
from zoo_serve.requests import Refusal, flag, part
from zoo_serve.store import Store

__all__ = ["check_access", "info", "list_refs", "list_repositories", "whoami"]

_LARGEST_CARD = 1 << 20
_PAGE = 100


def whoami(request: Request) -> Response:
    """The user of the token."""
    user = user_of(request)
    if user is None:
        raise Refusal(401, "Invalid credentials in Authorization header")
    orgs = [{"name": name} for name in user.orgs if name != "*"]
    token = {"displayName": "token", "role": "write" if user.writes else "read"}
    auth = {"type": "access_token", "accessToken": token}
    return JSONResponse({"type": "user", "name": user.name, "fullname": user.name, "orgs": orgs, "auth": auth})


def check_access(request: Request) -> Response:
    """An empty response if the user may read the repository, or change it if the path ends in `/write`."""
    (writable if request.scope["path"].endswith("/auth-check/write") else readable)(request)
    return JSONResponse({})


def list_repositories(request: Request) -> Response:
    """One page of the repositories that match a text, an author, tags and a task."""
    query, store, user = request.query_params, hub_of(request).store, user_of(request)
    search, author = query.get("search", "").casefold(), query.get("author")
    wanted = {word for word in (*query.getlist("filter"), *query.getlist("pipeline_tag")) if word}
    matches = []
    for repository in store.all(kind_of(request)):
        if not may_see(repository, user) or (author and repository.namespace != author):
            continue
        facts = _facts(store, repository, repository.head)
        if search in repository.id.casefold() and wanted <= {*facts["tags"], facts["pipeline_tag"]}:
            matches.append(facts)
    skip, limit = _number(query.get("skip", ""), 0), _number(query.get("limit", ""), _PAGE)
    response = JSONResponse(matches[skip : skip + limit])
    if skip + limit < len(matches):
        response.headers["Link"] = f'<{request.url.include_query_params(skip=skip + limit)}>; rel="next"'
    return response


def info(request: Request) -> Response:
    """The facts and the files of a repository at a revision."""
    repository = readable(request)
    commit = revision(repository, part(request, "rev") or "main")
    files: list[dict[str, Any]] = []
    for path, file in sorted(commit.files.items()):
        facts: dict[str, Any] = {"rfilename": path}
        if flag(request, "blobs"):
            facts |= {"size": file.size, "blobId": file.oid}
            if file.large:
                facts["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": 135}
        files.append(facts)
    return JSONResponse({**_facts(hub_of(request).store, repository, commit), "siblings": files})


def list_refs(request: Request) -> Response:
    """Branches and tags."""
    repository = readable(request)

    def rows(names: dict[str, str], where: str) -> list[dict[str, str]]:
        return [{"name": n, "ref": f"refs/{where}/{n}", "targetCommit": commit} for n, commit in names.items()]

    refs = {"branches": rows(repository.branches, "heads"), "tags": rows(repository.tags, "tags"), "converts": []}
    return JSONResponse(refs | ({"pullRequests": []} if flag(request, "include_prs") else {}))


def _facts(store: Store, repository: Repository, commit: Commit) -> dict[str, Any]:
    card = _card(store, commit)
    tags = [str(tag) for tag in _list(card.get("tags"))]
    tags += [str(card[key]) for key in ("library_name", "pipeline_tag") if key in card]
    tags += [f"license:{card['license']}"] if "license" in card else []
    tags += [f"base_model:{base}" for base in _list(card.get("base_model"))]
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
        "pipeline_tag": card.get("pipeline_tag"),
        "library_name": card.get("library_name"),
        "cardData": card,
        "createdAt": repository.created,
        "lastModified": commit.date,
    }


def _card(store: Store, commit: Commit) -> dict[str, Any]:
    """The front matter of README.md, with YAML's dates as text; empty if JSON cannot express it."""
    file = commit.files.get("README.md")
    if file is None or file.size > _LARGEST_CARD:
        return {}
    text = read_regular(store.path(file.sha256), _LARGEST_CARD).decode("utf-8", "replace")
    try:
        plain = json.dumps(front_matter(text), default=str, ensure_ascii=False, allow_nan=False)
        card: dict[str, Any] = json.loads(plain.encode("utf-8", "replace"))
    except (ValueError, TypeError, RecursionError):
        return {}
    return card


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _number(text: str, default: int) -> int:
    return min(int(text), 1_000_000) if text.isdecimal() and len(text) < 10 else default
