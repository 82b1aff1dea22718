"""Cookies: `__Host-` ones of this service alone, which no page's script can read and no other host can set."""

from datetime import timedelta

from fastapi import Request, Response

FLOW = timedelta(minutes=10)


def session_cookie(service: str) -> str:
    """The cookie of whoever is signed in."""
    return f"__Host-storyloop-{service}"


def flow_cookie(service: str) -> str:
    """The cookie of a browser that is on its way to the issuer and back."""
    return f"__Host-storyloop-{service}-sign-in"


def shown(request: Request, name: str) -> str | None:
    """The cookie's secret; nothing longer than ours is looked at."""
    value = request.cookies.get(name)
    return value if value and len(value) <= 100 else None


def give(response: Response, name: str, secret: str, life: timedelta) -> None:
    """Sets the cookie; `Lax`, because the issuer sends the browser back from another site."""
    response.set_cookie(
        name, secret, max_age=int(life.total_seconds()), path="/", secure=True, httponly=True, samesite="lax"
    )


def take(response: Response, name: str) -> None:
    """Takes the cookie away."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")
