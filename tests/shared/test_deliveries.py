"""Deliveries: mails to a real SMTP server, sent once, tried again, given up; the row stays and proves it."""

import asyncio
from collections.abc import Iterator
from email import message_from_bytes
from uuid import UUID

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from structlog.testing import capture_logs

from deploy.local.mail import Mailbox, mail
from services.intake import mail as intake_mail
from services.intake.settings import Settings
from shared import deliveries
from shared.database import Database
from shared.deliveries import Delivery
from shared.jobs import Jobs
from shared.work import Work, on_threads
from tests.service import backlog_of, execute, fetch, home_of

LETTER = {"to": "robin@example.org", "subject": "Staff answered your story", "text": "Thank you for telling us."}


class Listening(Mailbox):
    """A mailbox that also keeps the Message-IDs."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd
        self.message_ids.append(str(message_from_bytes(envelope.original_content or b"")["Message-ID"]))
        return await super().handle_DATA(server, session, envelope)

    message_ids: list[str]


@pytest.fixture
def mailbox() -> Iterator[Listening]:
    """A real SMTP server."""
    with mail() as free:
        free.stop()
        listening = Listening(free.host, free.port)
        listening.message_ids = []
        listening.start()
        yield listening
        listening.stop()


def jobs(database: Database, mailbox: Mailbox) -> Jobs:
    """Intake's background work with its own way of sending mail."""
    home = home_of("intake", database)
    settings: Settings = home.settings.model_copy(
        update={"smtp_host": mailbox.host, "smtp_port": mailbox.port, "smtp_tls": False}
    )
    return Jobs(home, [], {}, {"mail": intake_mail.sender(settings)}, backlog_of(0))


async def write(database: Database, kind: str = "received") -> None:
    """A letter is decided on."""

    async def decide(work: Work) -> None:
        work.deliver(Delivery("story/1", "author", kind, "mail", LETTER))

    await on_threads(home_of("intake", database), {"story/1"}, decide)


async def only_row(database: Database) -> dict[str, object]:
    rows = await fetch(
        database,
        "SELECT payload, attempts, sent_at IS NOT NULL AS sent, given_up_at IS NOT NULL AS given_up,"
        " next_at > now() AS later FROM delivery",
    )
    assert len(rows) == 1
    return dict(rows[0])


async def test_a_letter_is_sent_and_its_row_stays_emptied(intake: Database, mailbox: Listening) -> None:
    await write(intake)

    await jobs(intake, mailbox).send_deliveries()

    assert [(one.to, one.subject, one.text.strip()) for one in mailbox.mails] == [
        (("robin@example.org",), "Staff answered your story", "Thank you for telling us.")
    ]
    assert await only_row(intake) == {"payload": None, "attempts": 1, "sent": True, "given_up": False, "later": False}


async def test_the_same_letter_is_never_sent_twice(intake: Database, mailbox: Listening) -> None:
    await write(intake)
    await jobs(intake, mailbox).send_deliveries()

    await write(intake)
    await jobs(intake, mailbox).send_deliveries()

    assert len(mailbox.mails) == 1


async def test_two_workers_send_each_letter_once(intake: Database, mailbox: Listening) -> None:
    for number in range(10):
        await write(intake, f"reply {number}")

    await asyncio.gather(*(jobs(intake, mailbox).send_deliveries() for _ in range(2)))

    assert len(mailbox.mails) == len(set(mailbox.message_ids)) == 10


async def test_a_letter_that_nobody_takes_is_postponed_and_sent_later(intake: Database, mailbox: Listening) -> None:
    await write(intake)
    mailbox.stop()
    with capture_logs() as lines:
        await jobs(intake, mailbox).send_deliveries()
    meanwhile = await only_row(intake)
    mailbox.start()

    await execute(intake, "UPDATE delivery SET next_at = now()")
    await jobs(intake, mailbox).send_deliveries()

    assert meanwhile == {"payload": LETTER, "attempts": 1, "sent": False, "given_up": False, "later": True}
    assert [line["event"] for line in lines] == ["delivery.postponed"]
    assert "robin" not in str(lines)
    assert len(mailbox.mails) == 1


async def test_the_lease_of_a_sender_that_died_runs_out_and_the_repeat_has_the_same_message_id(
    intake: Database, mailbox: Listening
) -> None:
    await write(intake)
    async with intake.connection() as connection:
        leased = await deliveries.lease(connection)
    await jobs(intake, mailbox).channels["mail"](leased[0])

    await jobs(intake, mailbox).send_deliveries()
    while_leased = len(mailbox.mails)
    await execute(intake, "UPDATE delivery SET leased_until = now() - interval '1 second'")
    await jobs(intake, mailbox).send_deliveries()

    assert (while_leased, len(mailbox.mails)) == (1, 2)
    assert mailbox.message_ids == [f"<{leased[0].id}@example.org>"] * 2


async def test_a_letter_is_given_up_after_three_days_with_an_alarm(intake: Database, mailbox: Listening) -> None:
    await write(intake)
    mailbox.stop()
    await execute(intake, "UPDATE delivery SET written_at = now() - interval '73 hours'")

    with capture_logs() as lines:
        await jobs(intake, mailbox).send_deliveries()
    mailbox.start()
    await execute(intake, "UPDATE delivery SET next_at = now()")
    await jobs(intake, mailbox).send_deliveries()

    assert [(line["event"], line["log_level"]) for line in lines] == [("delivery.given_up", "error")]
    assert ((await only_row(intake))["given_up"], mailbox.mails) == (True, [])


async def test_a_letter_whose_story_was_erased_while_it_was_being_sent_is_not_taken_up_again(
    intake: Database, mailbox: Listening
) -> None:
    await write(intake)
    async with intake.connection() as connection:
        leased = await deliveries.lease(connection)

    async def erase(work: Work) -> None:
        work.erase("story/1")

    await on_threads(home_of("intake", intake), {"story/1"}, erase)
    given_up = await _postpone(intake, leased[0].id)
    await execute(intake, "UPDATE delivery SET next_at = now(), leased_until = NULL")
    await jobs(intake, mailbox).send_deliveries()

    row = await only_row(intake)
    assert (given_up, row["payload"], row["given_up"], row["attempts"], mailbox.mails) == (False, None, True, 1, [])


async def _postpone(database: Database, id_: UUID) -> bool:
    async with database.connection() as connection:
        return await deliveries.postpone(connection, id_)
