"""Mail: a real SMTP server in this process that keeps what it is given."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.ports import LOOPBACK, free_port

TRIES = 5


@dataclass(frozen=True)
class Mail:
    """`sender` and `to` are the envelope's, `at` is when it came in."""

    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    at: datetime


@dataclass
class Mailbox:
    """Stopped and started again, it keeps its port and its mails."""

    host: str
    port: int
    mails: list[Mail] = field(default_factory=list)
    _controller: Controller | None = None

    def start(self) -> None:
        """Raises OSError when the port is taken."""
        if self._controller is None:
            controller = Controller(self, hostname=self.host, port=self.port, ident="storyloop")
            controller.start()
            self._controller = controller

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the
        # name under which aiosmtpd looks for it
        self.mails.append(parsed(envelope))
        return "250 kept"


@contextmanager
def mail() -> Iterator[Mailbox]:
    mailbox = _started()
    try:
        yield mailbox
    finally:
        mailbox.stop()


def _started() -> Mailbox:
    for tries_left in reversed(range(TRIES)):
        mailbox = Mailbox(LOOPBACK, free_port())
        try:
            mailbox.start()
        except OSError:
            if not tries_left:
                raise
        else:
            return mailbox
    raise AssertionError("the last try returns or raises")


def parsed(envelope: Envelope) -> Mail:
    """The plain text is preferred; a mail without any has an empty one."""
    content = envelope.original_content or b""
    message = message_from_bytes(content, policy=policy.default)
    body = message.get_body(("plain", "html"))
    return Mail(
        sender=envelope.mail_from or "",
        to=tuple(envelope.rcpt_tos),
        subject=str(message["subject"] or ""),
        text=body.get_content() if body else "",
        at=datetime.now(UTC),
    )
