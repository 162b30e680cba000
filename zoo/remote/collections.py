"""A collection on the Hub: one page that shows several repositories."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from zoo.remote.client import hub_errors, with_retries

__all__ = ["collect"]


def collect(namespace: str, title: str, repositories: Iterable[str], *, description: str, private: bool) -> str:
    """Put models, `org/name`, into the namespace's collection of that title, which is made if there is none; its
    address. What it holds already stays. Raises RemoteError."""
    from huggingface_hub import HfApi

    api = HfApi()
    with hub_errors(f"collection {title!r} of {namespace}"):
        collection = with_retries(
            lambda: api.create_collection(
                title, namespace=namespace, description=description, private=private, exists_ok=True
            )
        )
        known = {item.item_id for item in collection.items}
        for repository in sorted(set(repositories) - known):
            add = functools.partial(api.add_collection_item, collection.slug, repository, "model", exists_ok=True)
            with_retries(add)
    return str(collection.url)
