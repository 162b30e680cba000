"""Small pieces of HTML that pages and notebooks share: whatever comes in is escaped, nothing is fetched."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

__all__ = ["data_address", "escape", "facts", "picture", "table"]


def table(head: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> str:
    """A table; a cell that is a number is set flush right."""
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    top = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    body = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in rows)
    return f"<table>{title}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def facts(rows: Sequence[tuple[str, object]]) -> str:
    """`key  value` lines as a table with its keys as row headings."""
    lines = "".join(
        f'<tr><th scope="row" style="text-align:left">{escape(key)}</th>'
        f'<td style="text-align:left">{escape(str(value))}</td></tr>'
        for key, value in rows
    )
    return f"<table><tbody>{lines}</tbody></table>"


def picture(png: bytes, alt: str) -> str:
    """A PNG inside the page itself; `alt` says what is to be seen."""
    return f'<img src="{data_address(png)}" alt="{escape(alt)}" style="max-width:100%">'


def data_address(png: bytes) -> str:
    """The bytes of a PNG as an address that needs no request."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _cell(value: object) -> str:
    side = "right" if isinstance(value, (int, float)) else "left"
    return f'<td style="text-align:{side}">{escape(str(value))}</td>'
