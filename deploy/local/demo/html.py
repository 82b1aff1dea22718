"""HTML: the few pieces that the demo's pages are made of; whatever is not made here is escaped."""

from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
:root { color-scheme: light; font: 1.1875rem/1.5 Arial, Helvetica, sans-serif; color: #212b32; background: #f0f4f5; }
body { margin: 0; }
header { background: #005eb8; color: #fff; padding: .75rem 1rem; }
header p, main, nav { max-width: 66rem; margin: 0 auto; }
header a { color: #fff; font-weight: bold; }
nav { padding: .5rem 1rem 0; }
nav a { display: inline-block; padding: .5rem 1rem .5rem 0; }
main { padding: 0 1rem 3rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 1rem 0; }
h2 { font-size: 1.5rem; line-height: 1.25; margin: 2.5rem 0 .75rem; }
a { color: #005eb8; }
a:visited { color: #330072; }
header a:visited { color: #fff; }
a:focus { background: #ffeb3b; color: #212b32; outline: 4px solid #ffeb3b; box-shadow: 0 4px #212b32; }
.wide { overflow-x: auto; background: #fff; border: 1px solid #d8dde0; }
.wide:focus { outline: 4px solid #212b32; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: start; vertical-align: top; padding: .5rem .75rem; border-bottom: 1px solid #d8dde0; }
caption { text-align: start; padding: .75rem; font-weight: bold; }
td:first-child { min-width: 9rem; }
td.number, th.number { text-align: end; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.word { white-space: nowrap; }
.card { background: #fff; border: 1px solid #d8dde0; padding: 1rem 1.25rem; margin: 0 0 1rem; overflow-wrap: anywhere; }
.card p { margin: 0 0 1rem; max-width: 44rem; }
.card p:last-child { margin: 0; }
.card h2 { margin-top: 0; }
.story { white-space: pre-line; }
.quiet { color: #4c6272; }
"""


def text(words: object) -> str:
    """Escaped, for text and for attributes."""
    return escape(str(words))


def link(address: str, words: str) -> str:
    return f'<a href="{text(address)}">{text(words)}</a>'


def people(words: str, language: str = "en", tag: str = "span", css: str = "") -> str:
    """What a person wrote, in its own language and direction."""
    name = f' class="{css}"' if css else ""
    return f'<{tag} lang="{text(language)}" dir="auto"{name}>{text(words)}</{tag}>'


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], kinds: str) -> str:
    """Cells are HTML; `kinds` has one letter for each column: w wraps, n is a number, - stays on one line."""
    css = {"w": "", "n": ' class="number"', "-": ' class="word"'}
    head = "".join(f'<th scope="col"{css[kind]}>{text(name)}</th>' for name, kind in zip(heads, kinds, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{css[kind]}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{text(caption)}"><table>'
        f"<caption>{text(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def page(title: str, *parts: str, language: str = "en-GB") -> str:
    """A whole page; the language is that of its title."""
    places = {"/": "Stories", "/mails": "Mails", "/receipts": "Receipts", "/parked": "Parked events", "/#apis": "APIs"}
    links = " ".join(link(path, name) for path, name in places.items())
    return (
        '<!doctype html><html lang="en-GB"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{text(title)} – Storyloop demo</title><link rel="stylesheet" href="/style.css"></head><body>'
        f'<header><p><a href="/">Storyloop demo</a>: all people, places and words here are invented.</p></header>'
        f'<nav aria-label="Pages">{links}</nav>'
        f"<main>{people(title, language, 'h1')}{''.join(parts)}</main></body></html>"
    )
