"""Forgery: a request that another site makes a signed-in browser send is refused (CSRF).

Two things must be right: where the browser says that it comes from, and the session's own token, in a hidden field
`csrf_token` or the header `X-CSRF-Token`. Bearer tokens need neither: no browser sends them by itself.
"""

import hmac
from urllib.parse import parse_qs

from fastapi import Request

from shared.pages.forms import form_of
from shared.sign_in.told import SignIn

FORM, FORM_WITH_FILE = "application/x-www-form-urlencoded", "multipart/form-data"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


async def fields_of(request: Request) -> dict[str, str]:
    """A form's fields without its files, the first of each name; empty for any other body."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM_WITH_FILE:
        return {name: said for name, said in reversed((await form_of(request)).multi_items()) if isinstance(said, str)}
    if kind != FORM:
        return {}
    body = (await request.body()).decode(errors="replace")
    try:
        found = parse_qs(body, keep_blank_values=True, max_num_fields=200)
    except ValueError:  # too many
        return {}
    return {name: values[0] for name, values in found.items()}


async def is_forged(request: Request, told: SignIn, csrf: str) -> bool:
    """True for an unsafe request that did not come from one of this service's own pages."""
    if request.method in SAFE:
        return False
    return not (_from_here(request, told) and await _shows(request, csrf))


def _from_here(request: Request, told: SignIn) -> bool:
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None and site not in {"same-origin", "none"}:
        return False
    return origin is None or origin == told.origin


async def _shows(request: Request, csrf: str) -> bool:
    shown = request.headers.get("x-csrf-token") or (await fields_of(request)).get("csrf_token", "")
    return hmac.compare_digest(shown.encode(), csrf.encode())
