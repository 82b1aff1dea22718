"""Intake's settings."""

from pydantic import EmailStr, SecretStr

from shared import settings
from shared.work import Work


class Settings(settings.Settings):
    """What every service needs, and how authors are written to."""

    smtp_host: str
    smtp_port: int
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_tls: bool = True
    mail_from: EmailStr
    public_address: str
    """Where authors reach this service: `https://…`, without a slash at its end."""


def settings_of(work: Work) -> Settings:
    """The settings of the process that does this work."""
    settings: Settings = work.home.settings
    return settings
