"""What all endpoints of one page share."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request

from zoo_ui.folders import Folders
from zoo_ui.jobs import Jobs
from zoo_ui.models import ModelCache
from zoo_ui.uploads import Uploads

__all__ = ["Site", "site_of", "training_site"]


@dataclass
class Site:
    """The models, the jobs and the images of a page. A page with a `title` shows one model and trains nothing; `first`
    is the model that is shown at the start."""

    models: ModelCache
    jobs: Jobs
    uploads: Uploads
    folders: Folders
    first: str = ""
    title: str = ""


def site_of(request: Request) -> Site:
    """That of a request."""
    site: Site = request.app.state.site
    return site


def training_site(request: Request) -> Site:
    """The same; raises HTTPException 404 if it trains nothing."""
    site = site_of(request)
    if site.title:
        raise HTTPException(404, "This page shows one model and trains nothing.")
    return site
