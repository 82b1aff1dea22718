"""What every service serves to people besides its own pages: stylesheets, scripts and icons."""

from fastapi import APIRouter, Request, Response

from shared.pages.assets import ASSETS, FINGERPRINT
from shared.problems import Problem

FOR_GOOD = "public, max-age=31536000, immutable"
assets = APIRouter(include_in_schema=False)


@assets.get("/assets/{fingerprint}/{name:path}")
async def asset(request: Request, fingerprint: str, name: str) -> Response:
    """One file; a browser keeps it for good only under the fingerprint that it has now."""
    found = ASSETS.get(name)
    if found is None:
        raise Problem(404, "not_found")
    packed = "gzip" in request.headers.get("accept-encoding", "")
    headers = {
        "Cache-Control": FOR_GOOD if fingerprint == FINGERPRINT else "no-store",
        "Vary": "Accept-Encoding",
        **({"Content-Encoding": "gzip"} if packed else {}),
    }
    return Response(found.packed if packed else found.body, headers=headers, media_type=found.kind)
