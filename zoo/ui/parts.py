"""What the pages are made of: gradio itself, its look, pictures, uploads, and answers that say what went wrong."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from zoo._utils import html
from zoo.errors import ConfigError, ZooError

__all__ = ["STYLE", "answered", "gradio", "picture", "placed", "theme", "upload", "when"]

STYLE = """
.gradio-container { width: 100%; max-width: 76rem !important; margin: 0 auto !important; }
.gradio-container .main { padding: clamp(.75rem, 3vw, 2rem) !important; }
.gradio-container, .gradio-container :is(.main, .contain), .tabs, .tab-container { min-width: 0 !important; }
.secondary-wrap input { padding-right: 1.4rem !important; text-overflow: ellipsis; }
.zoo-html { overflow-x: auto; }
.zoo-html table { width: auto; border-collapse: collapse; margin: .6rem 0; }
.zoo-html :is(table, thead, tbody, tr) { border: 0 !important; }
.zoo-html :is(th, td) { border: 0 !important; border-bottom: 1px solid var(--border-color-primary) !important;
  padding: .35rem 1.2rem .35rem 0 !important; }
.zoo-html progress { accent-color: var(--color-accent); }
.zoo-html svg[role=img] { min-width: 34rem; max-width: 46rem !important; }
@media (max-width: 640px) {
  .row { flex-wrap: wrap; }
  .row > .form { flex: 1 1 100%; }
  .zoo-wide { min-width: 100% !important; }
  .zoo-whole-word { min-width: 14em !important; }
  .tab-container button { padding-left: .5rem !important; padding-right: .5rem !important; }
  .zoo-picture .image-frame { padding-top: 2rem; }
}
"""


def gradio() -> Any:
    try:
        import gradio
    except ImportError as error:
        raise ConfigError(
            "gradio is not installed, and the page is made with it", "pip install 'aegan-zoo[ui]'"
        ) from error
    return gradio


def theme() -> Any:
    """Gradio's own, its fonts served by itself, with small print that can be read."""
    gr = gradio()
    theme = gr.themes.Default(primary_hue="blue")
    dark = dict.fromkeys(("block_info_text_color", "block_label_text_color", "block_title_text_color"), "*neutral_600")
    light = {f"{name}_dark": "*neutral_300" for name in dark}
    return theme.set(body_text_color_subdued="*neutral_600", **dark, **light)


def answered(answer: Callable[..., Any]) -> Callable[..., Any]:
    """What Zoo understands becomes a note on the page, message and hint; anything else is gradio's to show."""

    @functools.wraps(answer)
    def asked(*words: Any) -> Any:
        try:
            return answer(*words)
        except ZooError as error:
            raise gradio().Error(
                html.escape(f"{error.message}. {error.hint}"), duration=15, print_exception=False
            ) from error

    return asked


def when(event: Any, answer: Callable[..., Any], inputs: Any, outputs: Any, **how: Any) -> Any:
    """`answer` to an event; not an API for others."""
    return event(answered(answer), inputs, outputs, api_visibility="private", **how)


def picture(gr: Any, label: str, *, always: bool = True) -> Any:
    """A place for a picture; one that is not `always` there shows itself with its picture, see `placed`."""
    # without a visible label, which would lie on the picture; the alternative text says what it is
    look: dict[str, Any] = {"show_label": False, "buttons": ["download"], "alt_text": label, "visible": always}
    return gr.Image(label=label, type="pil", format="png", interactive=False, elem_classes="zoo-picture", **look)


def placed(*pictures: Any) -> list[Any]:
    """Pictures, each in its place; the place of none is hidden."""
    gr = gradio()
    return [gr.Image(value=picture, sanitize=picture is not None) for picture in pictures]


def upload(gr: Any, label: str) -> Any:
    return gr.Image(label=label, type="pil", image_mode="RGBA", sources=["upload", "clipboard"], height=220)
