"""Intake, put together."""

from services.intake import handlers, mail, submissions, web
from services.intake.settings import Settings
from shared.service import Service
from shared.topics import Lane


def intake() -> Service:
    """The service with the settings of its environment."""
    settings = Settings()
    return Service(
        "intake",
        settings,
        handlers,
        web.pages,
        web.site,
        submissions=submissions.STREAMS,
        lanes=tuple(Lane),
        channels={"mail": mail.sender(settings)},
    )
