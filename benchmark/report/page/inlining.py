"""Turn Markdown, SVG and images into HTML that needs no other file."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markupsafe import Markup

from benchmark.report.figures.style import GREY, GRID, PALETTE
from benchmark.report.words.section import Caption

_INK = {  # colours of a figure -> the page's, which differ between light and dark
    "#ffffff": "var(--paper)",
    "#000000": "var(--ink)",
    PALETTE[0].lower(): "var(--first)",
    GREY.lower(): "var(--grey)",
    GRID.lower(): "var(--line)",
}


@dataclass(frozen=True)
class InlineFigure:
    """Hold a figure's markup and what it says."""

    name: str
    alt: str
    text: str
    markup: Markup


def prose(lines: Sequence[str]) -> Markup:
    """Return Markdown as HTML: raw HTML in it is text, tables scroll by themselves."""
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render("\n".join(lines))
    html = html.replace("<th", '<th scope="col"')
    html = html.replace(
        "<table>", '<div class="scroll" role="region" aria-label="table" tabindex="0"><table>'
    )
    html = html.replace("</table>", "</table></div>")
    return Markup(html)


def figure_markup(prefix: str, caption: Caption, images: Mapping[str, bytes]) -> InlineFigure:
    """Inline a rendered figure: drawings as SVG in the page's colours, images as PNG."""
    alt = caption.text.split(".")[0]
    svg = images["svg"].decode()
    if "<image" in svg:
        source = data_uri(images["png"])
        markup = Markup('<img src="{}" alt="{}" class="paper">').format(source, alt)
    else:
        markup = Markup(_inline_svg(svg, prefix, alt))
    return InlineFigure(caption.stem, alt, caption.text, markup)


def data_uri(png: bytes) -> str:
    """Return a PNG as an address that holds its content."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _inline_svg(svg: str, prefix: str, alt: str) -> str:
    """Drop the file's head, give its names a prefix, and let colours follow the page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    linked = set(re.findall(r"(?:href=\"#|url\(#)([^\")]+)", svg))
    svg = re.sub(r' id="([^"]+)"', lambda m: f' id="{prefix}{m[1]}"' if m[1] in linked else "", svg)
    svg = re.sub(r"(href=\"#|url\(#)", rf"\g<1>{prefix}", svg)
    svg = re.sub(r"#[0-9a-fA-F]{6}\b", lambda m: _INK.get(m[0].lower(), m[0]), svg)
    svg = re.sub(r' d="[^"]+"', _rounded, svg)
    head = re.search(r'<svg[^>]*viewBox="([^"]+)"[^>]*>', svg)
    assert head, "matplotlib writes a viewBox"
    label = Markup.escape(alt)
    width = float(head[1].split()[2])
    start = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{head[1]}" style="width:{width * 4 / 3:.0f}px" fill="var(--ink)" role="img" '
        f'aria-label="{label}">'
    )
    return re.sub(r"\n\s*", "\n", start + svg[head.end() :])


def _rounded(path: re.Match[str]) -> str:
    """Keep hundredths of a point, which is enough for any screen."""
    return re.sub(r"(\d\.\d{2})\d+", r"\1", path[0])
