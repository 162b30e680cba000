"""HTML for pages and notebooks: all text is escaped, and nothing is fetched."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape as escape_html

from zoo._utils.text import sanitize

__all__ = ["data_url", "escape", "facts_table", "html_table", "picture"]


def escape(text: str) -> str:
    """`text` for a page: escaped, without control characters and those that change the text's direction."""
    return escape_html(sanitize(text))


def html_table(head: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> str:
    """An HTML table; numbers are aligned right."""
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    top = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    body = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in rows)
    return f"<table>{title}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def facts_table(rows: Sequence[tuple[str, object]]) -> str:
    """Keys and values as an HTML table with the keys as row headings."""
    lines = "".join(
        f'<tr><th scope="row" style="text-align:left">{escape(key)}</th>'
        f'<td style="text-align:left">{escape(str(value))}</td></tr>'
        for key, value in rows
    )
    return f"<table><tbody>{lines}</tbody></table>"


def picture(png: bytes, alt: str) -> str:
    """A PNG embedded in the page; `alt` describes it."""
    return f'<img src="{data_url(png)}" alt="{escape(alt)}" style="max-width:100%">'


def data_url(png: bytes) -> str:
    """The bytes of a PNG as a data URL."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _cell(value: object) -> str:
    side = "right" if isinstance(value, (int, float)) else "left"
    return f'<td style="text-align:{side}">{escape(str(value))}</td>'
