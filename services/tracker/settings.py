"""Tracker's settings."""

from shared import settings


class Settings(settings.Settings):
    """Nothing beyond what every service needs."""
