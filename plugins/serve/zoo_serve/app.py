"""The application: which endpoint answers which request."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from zoo.plugin import ZooError
from zoo_serve import collections, commits, files, info, repositories
from zoo_serve.permissions import Hub
from zoo_serve.requests import respond

__all__ = ["application"]

ID = "/{namespace}/{name}"
API = "/api/{kind}" + ID

ROUTES = [
    Route("/api/whoami-v2", info.whoami),
    Route("/api/validate-yaml", repositories.validate_yaml, methods=["POST"]),
    Route("/api/repos/create", repositories.create, methods=["POST"]),
    Route("/api/repos/delete", repositories.delete, methods=["DELETE"]),
    Route("/api/repos/move", repositories.move, methods=["POST"]),
    Route("/api/collections", collections.create, methods=["POST"]),
    Route("/api/collections" + ID, collections.show),
    Route("/api/collections" + ID + "/items", collections.add_item, methods=["POST"]),
    Route("/api/{kind}", info.list_repositories),
    Route(API, info.info),
    Route(API + "/revision/{rev}", info.info),
    Route(API + "/auth-check", info.check_access),
    Route(API + "/auth-check/write", info.check_access),
    Route(API + "/tree/{rev}", files.list_folder),
    Route(API + "/tree/{rev}/{path:path}", files.list_folder),
    Route(API + "/paths-info/{rev}", files.paths_info, methods=["POST"]),
    Route(API + "/refs", info.list_refs),
    Route(API + "/commits/{rev}", commits.list_commits),
    Route(API + "/branch/{ref}", repositories.change_branch, methods=["POST", "DELETE"]),
    Route(API + "/tag/{ref}", repositories.change_tag, methods=["POST", "DELETE"]),
    Route(API + "/settings", repositories.change_settings, methods=["PUT"]),
    Route(API + "/preupload/{rev}", files.preupload, methods=["POST"]),
    Route(API + "/commit/{rev}", commits.commit, methods=["POST"]),
    Route(API + "/xet-{what}-token/{rev}", files.xet_token),
    Route("/lfs/{kind}" + ID + "/{oid}/{size}", files.upload, methods=["PUT"]),
    # In these addresses models have no kind.
    Route(ID + ".git/info/lfs/objects/batch", files.lfs_batch, methods=["POST"]),
    Route("/{kind}" + ID + ".git/info/lfs/objects/batch", files.lfs_batch, methods=["POST"]),
    Route(ID + "/resolve/{rev}/{path:path}", files.resolve),
    Route("/{kind}" + ID + "/resolve/{rev}/{path:path}", files.resolve),
]


def application(hub: Hub) -> Starlette:
    """The application of a hub. It expects encoded paths (see `Gate`)."""
    failures = (HTTPException, ZooError, ClientDisconnect, Exception)
    app = Starlette(routes=ROUTES, exception_handlers=dict.fromkeys(failures, respond))
    app.router.redirect_slashes = False
    app.state.hub = hub
    return app
