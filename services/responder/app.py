"""Responder, put together."""

from services.responder import handlers, store, web
from services.responder.settings import Settings
from shared.service import Service


def responder() -> Service:
    """The service with the settings of its environment."""
    return Service("responder", Settings(), handlers, web.pages, web.site, placeholders=store.placeholders)
