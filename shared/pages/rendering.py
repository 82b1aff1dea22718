"""Rendering: one Jinja environment, one frame, and for each page a policy of its own for what the browser may load.

Our templates are strict: a name that is not there is an error. The design system's own macros count on missing
names being nothing, so they live in an environment of their own and are called from ours as `nhsuk.button({…})`.
"""

import secrets
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import SplitResult, urlsplit

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import (
    BaseLoader,
    ChainableUndefined,
    Environment,
    FileSystemLoader,
    PackageLoader,
    StrictUndefined,
    Undefined,
)

from shared.pages.assets import asset_path
from shared.pages.site import Site

TEMPLATES = Path(__file__).parent / "templates"
_COMPONENTS = (
    "back-link",
    "button",
    "checkboxes",
    "error-summary",
    "file-upload",
    "footer",
    "header",
    "input",
    "inset-text",
    "notification-banner",
    "pagination",
    "radios",
    "select",
    "skip-link",
    "summary-list",
    "tables",
    "tag",
    "textarea",
    "warning-callout",
)
"""Folders of the design system whose macros our templates may call as `nhsuk.…`."""


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    """The template with these values, as a page of this service; `request.state.session` says who has signed in."""
    site: Site = request.app.state.site
    settings = request.app.state.desk.home.settings
    nonce, issuer = secrets.token_urlsafe(16), urlsplit(settings.issuer)
    frame = {
        "asset": lambda name: link(request, asset_path(name)),
        "link": partial(link, request),
        "nonce": nonce,
        "session": getattr(request.state, "session", None),
        "settings": settings,
        "site": site,
    }
    words = environment(site.templates).get_template(template).render({**frame, **values})
    return HTMLResponse(words, status, {"Content-Security-Policy": _policy(nonce, issuer), **_OF_PAGES})


def link(request: Request, path: str) -> str:
    """The address of a path of this service, also where it shares its host with others below a path of its own."""
    address: str = request.app.state.desk.home.settings.link(path)
    return address


def seen_after(request: Request, path: str) -> Response:
    """After a form was taken: the browser asks for this page, so that reloading it sends nothing again."""
    return RedirectResponse(link(request, path), 303)


_OF_PAGES = {"Referrer-Policy": "same-origin"}
"""With `no-referrer` browsers send `Origin: null` with our own forms, and nobody could tell them from others'."""


def _policy(nonce: str, issuer: SplitResult) -> str:
    rules = {
        "default-src": ["'none'"],
        "style-src": ["'self'"],
        "script-src": ["'self'", f"'nonce-{nonce}'"],
        "img-src": ["'self'"],
        "font-src": ["'self'"],
        "form-action": ["'self'", f"{issuer.scheme}://{issuer.netloc}"],  # signing out leads on to the issuer
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in rules.items())


@cache
def environment(own: Path | None) -> Environment:
    """Templates of a service's own folder, then the shared ones; everything is escaped unless it is markup of ours."""
    folders = [TEMPLATES] if own is None else [own, TEMPLATES]
    made = _made(FileSystemLoader(folders), StrictUndefined)
    made.globals["nhsuk"] = _design_system()
    for name in made.list_templates(extensions=["html"]):
        made.get_template(name)  # a slip in one of ours ends the start, not a request
    return made


@cache
def _design_system() -> SimpleNamespace:
    theirs = _made(PackageLoader("nhsuk_frontend_jinja"), ChainableUndefined)
    modules = (theirs.get_template(f"nhsuk/components/{folder}/macro.jinja").module for folder in _COMPONENTS)
    macros = {name: macro for module in modules for name, macro in vars(module).items() if not name.startswith("_")}
    return SimpleNamespace(**macros)


def _made(loader: BaseLoader, undefined: type[Undefined]) -> Environment:
    return Environment(loader=loader, undefined=undefined, autoescape=True, trim_blocks=True, lstrip_blocks=True)
