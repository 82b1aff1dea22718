"""Intake, put together."""

from services.intake import handlers, mail, submissions, web
from services.intake.settings import Settings
from shared.service import Service


def intake() -> Service:
    """The service with the settings of its environment."""
    settings = Settings()
    return Service(
        "intake",
        settings,
        handlers,
        web.pages,
        submissions=submissions.STREAMS,
        channels={"mail": mail.sender(settings)},
    )
