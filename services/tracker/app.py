"""Tracker, put together."""

from services.tracker import handlers, web
from services.tracker.settings import Settings
from shared.service import Service


def tracker() -> Service:
    """The service with the settings of its environment."""
    return Service("tracker", Settings(), handlers, web.pages, web.site)
