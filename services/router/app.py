"""Router, put together."""

from services.router import handlers, web
from services.router.settings import Settings
from shared.service import Service


def router() -> Service:
    """The service with the settings of its environment."""
    return Service("router", Settings(), handlers, web.pages, web.site)
