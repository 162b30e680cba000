"""Which repository a request means, and whether its user may read or change it."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.hub.access import Access, User
from zoo.hub.objects import Commit, Repository
from zoo.hub.store import Store
from zoo.hub.wire import Refusal, Request

__all__ = ["Hub", "may_see", "readable", "revision", "writable", "writer"]


@dataclass(frozen=True, slots=True)
class Hub:
    """All that a handler needs. With `writes` off every change is answered 405; with `members_only` nothing can be read
    without a token."""

    store: Store
    access: Access
    writes: bool = False
    members_only: bool = False
    largest_file: int = 1 << 36


def readable(hub: Hub, request: Request, kind: str, identifier: str) -> Repository:
    """The repository, or the answer that the real Hub gives: a private one looks as if it were not there."""
    repository = hub.store.find(kind, identifier)
    if repository is None or not may_see(repository, request.user):
        status = 404 if request.user or (repository is None and not hub.access.users) else 401
        raise Refusal(status, f"Repository not found: {identifier}", "RepoNotFound")
    if repository.gated and not (request.user and request.user.owns(repository.namespace)):
        raise Refusal(403, f"Access to {identifier} is restricted", "GatedRepo")
    return repository


def may_see(repository: Repository, user: User | None) -> bool:
    """Whether the repository is public or the user's."""
    return not repository.private or (user is not None and user.owns(repository.namespace))


def revision(repository: Repository, name: str) -> Commit:
    """The commit of a revision. Raises Refusal 404."""
    commit = repository.find(name)
    if commit is None:
        raise Refusal(404, f"Invalid rev id: {name[:100]}", "RevisionNotFound")
    return commit


def writer(hub: Hub, request: Request, namespace: str | None = None) -> User:
    """The user, if they may write, and to that namespace."""
    if not hub.writes:
        raise Refusal(405, "This server is read-only; it was started without --allow-push")
    if request.user is None:
        raise Refusal(401, "A token is needed to write")
    if not request.user.writes:
        raise Refusal(403, "This token may only read")
    if namespace is not None and not request.user.owns(namespace):
        raise Refusal(403, f"{request.user.name} may not write to {namespace}")
    return request.user


def writable(hub: Hub, request: Request, kind: str, identifier: str) -> Repository:
    """The repository, if the user may change it."""
    if not hub.writes:
        writer(hub, request)
    repository = readable(hub, request, kind, identifier)
    writer(hub, request, repository.namespace)
    if hub.store.is_fixed(kind, identifier):
        raise Refusal(403, f"{identifier} is served from a folder and cannot be changed")
    return repository
