"""Intake's settings."""

from pydantic import EmailStr, SecretStr

from shared import settings


class Settings(settings.Settings):
    """What every service needs, and how authors are written to."""

    smtp_host: str
    smtp_port: int
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_tls: bool = True
    mail_from: EmailStr
