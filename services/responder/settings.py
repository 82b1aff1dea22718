"""Responder's settings."""

from datetime import timedelta

from shared import settings
from shared.work import Work


class Settings(settings.Settings):
    """What every service needs, and the clock."""

    reply_within: timedelta = timedelta(days=7)
    """How long a team may be silent before its case counts as overdue."""
    forget_members_after: timedelta = timedelta(days=90)
    """How long the name of somebody who has left is kept."""


def settings_of(work: Work) -> Settings:
    """The settings of the process that does this work."""
    settings: Settings = work.home.settings
    return settings
