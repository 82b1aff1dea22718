"""Mail: hands a letter to the SMTP relay, with the delivery's id as its Message-ID, so that a repeat is known."""

from email.message import EmailMessage

import aiosmtplib

from services.intake.settings import Settings
from shared.deliveries import Leased
from shared.jobs import Send


def sender(settings: Settings) -> Send:
    """How mail is sent with these settings."""

    async def send(letter: Leased) -> None:
        message = EmailMessage()
        message["From"], message["To"] = settings.mail_from, letter.payload["to"]
        message["Subject"] = letter.payload["subject"]
        message["Message-ID"] = f"<{letter.id}@{settings.mail_from.rpartition('@')[2]}>"
        message.set_content(letter.payload["text"])
        password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
        await aiosmtplib.send(
            message,
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_user,
            password=password,
            start_tls=settings.smtp_tls,
            timeout=10,
        )

    return send
