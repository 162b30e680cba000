"""Which repository a request names, and whether its user may read or change it."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from zoo_serve.access import Access, User
from zoo_serve.repository import KINDS, Commit, Key, Repository
from zoo_serve.requests import Refusal, part
from zoo_serve.store import Store

__all__ = ["Hub", "hub_of", "key_of", "kind_of", "may_see", "readable", "revision", "user_of", "writable", "writer"]


@dataclass(frozen=True, slots=True)
class Hub:
    """A store and who may use it: writing needs `writes`, and with `members_only` reading needs a token."""

    store: Store
    access: Access
    writes: bool = False
    members_only: bool = False
    largest_file: int = 1 << 36


def hub_of(request: Request) -> Hub:
    """The hub that serves the request."""
    hub: Hub = request.app.state.hub
    return hub


def user_of(request: Request) -> User | None:
    """The user whose token the request carries."""
    return hub_of(request).access.user(request.headers.get("authorization", ""))


def kind_of(request: Request) -> str:
    """The kind of repository in the request's path. Raises Refusal 404 if there is no such kind."""
    kind = (part(request, "kind") or "models").removesuffix("s")
    if kind not in KINDS:
        raise Refusal(404, "Not Found")
    return kind


def key_of(request: Request) -> Key:
    """The kind and the id of the repository in the request's path."""
    return kind_of(request), f"{part(request, 'namespace')}/{part(request, 'name')}"


def may_see(repository: Repository, user: User | None) -> bool:
    """Whether the repository is public or belongs to the user."""
    return not repository.private or (user is not None and user.owns(repository.namespace))


def readable(request: Request, key: Key | None = None) -> Repository:
    """The repository of `key`, or of the path. Raises Refusal; as on the real Hub, a private one seems to be absent."""
    hub, user = hub_of(request), user_of(request)
    kind, identifier = key or key_of(request)
    repository = hub.store.find(kind, identifier)
    if repository is None or not may_see(repository, user):
        status = 404 if user or (repository is None and not hub.access.users) else 401
        raise Refusal(status, f"Repository not found: {identifier}", "RepoNotFound")
    if repository.gated and not (user and user.owns(repository.namespace)):
        raise Refusal(403, f"Access to {identifier} is restricted", "GatedRepo")
    return repository


def writer(request: Request, namespace: str | None = None) -> User:
    """The user, if the user may write, and to that namespace. Raises Refusal."""
    if not hub_of(request).writes:
        raise Refusal(405, "This server is read-only; it was started without --allow-push")
    user = user_of(request)
    if user is None:
        raise Refusal(401, "A token is needed to write")
    if not user.writes:
        raise Refusal(403, "This token may only read")
    if namespace is not None and not user.owns(namespace):
        raise Refusal(403, f"{user.name} may not write to {namespace}")
    return user


def writable(request: Request, key: Key | None = None) -> Repository:
    """The repository of `key`, or of the path, if the user may change it. Raises Refusal."""
    if not hub_of(request).writes:
        writer(request)
    repository = readable(request, key)
    writer(request, repository.namespace)
    if hub_of(request).store.is_fixed(repository.kind, repository.id):
        raise Refusal(403, f"{repository.id} is served from a folder and cannot be changed")
    return repository


def revision(repository: Repository, name: str) -> Commit:
    """The commit of a revision. Raises Refusal 404."""
    commit = repository.find(name)
    if commit is None:
        raise Refusal(404, f"Invalid rev id: {name[:100]}", "RevisionNotFound")
    return commit
