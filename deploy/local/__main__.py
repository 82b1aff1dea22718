"""`python -m deploy.local`: the whole system on this machine, with sample stories going round the loop once."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from httpx import HTTPError

from deploy.local.demo.apis import Refused
from deploy.local.demo.loop import Round, go_round, load_directory
from deploy.local.demo.pages import Pages
from deploy.local.demo.report import Report
from deploy.local.demo.samples import comments, publishers, stories
from deploy.local.demo.server import open_server
from deploy.local.folder import run_folder
from deploy.local.ladder import NothingOpenError
from deploy.local.people import PEOPLE
from deploy.local.processes import EndedError, NotReadyError
from deploy.local.stack import Stack, stack
from deploy.local.system import SERVICES

INTERRUPTED = 130
app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def demo(once: Annotated[bool, typer.Option(envvar="ONCE", help="End after the loop, for scripts.")] = False) -> None:
    """Starts Kafka, Postgres and the four services; sample stories go round the loop; nothing is left behind.

    Example: python -m deploy.local

    It stays up until Ctrl-C, with a page from which everything can be looked at.

    Example: python -m deploy.local --once

    It ends after the loop: with 0 if every story got where it should, otherwise with 1.

    Example: STORYLOOP_KEEP=1 python -m deploy.local --once

    As above, and the folder with the services' logs is kept.
    """
    report, round_ = Report(), Round()
    try:
        with ExitStack() as parts:
            _run(parts, report, round_, once)
    except KeyboardInterrupt as interrupted:
        report.say("Stopped half-way; nothing is left behind.")
        raise typer.Exit(INTERRUPTED) from interrupted
    except (NothingOpenError, EndedError, NotReadyError) as failure:
        report.say(f"The system did not start: {failure}", "red")
        raise typer.Exit(1) from failure
    report.say("Everything is stopped; nothing is left behind.")
    raise typer.Exit(0 if round_.right else 1)


def _run(parts: ExitStack, report: Report, round_: Round, once: bool) -> None:
    report.say(f"Storyloop's demo: {len(stories())} stories and {len(comments())} comments go round the loop, once.")
    folder = parts.enter_context(run_folder(report.more))
    parts.enter_context(last_words_if_it_fails(report, folder))
    report.say("Starting Kafka and Postgres, then " + ", ".join(SERVICES) + " …")
    with report.busy():
        system = parts.enter_context(stack(folder, publishers(), report.more))
    address = parts.enter_context(open_server(Pages(system, round_)))
    report.say("Ready.")
    report.more(f"Kafka     {system.kafka.origin}, {system.kafka.address}")
    report.more(f"Postgres  {system.postgres.origin}")
    report.more(f"Look at   {address} while the demo runs")
    asyncio.run(_loop(system, report, round_))
    _tell(system, report, round_)
    if not once:
        _stay(report, address, system)
    report.say("Stopping …")


@contextmanager
def last_words_if_it_fails(report: Report, folder: Path) -> Iterator[None]:
    """The services' logs go with the folder, so they speak before it is gone."""
    try:
        yield
    except Exception:
        report.last_words(folder)
        raise


async def _loop(system: Stack, report: Report, round_: Round) -> None:
    files = await load_directory(system)
    report.say(f"The directory is loaded: {len(files.organisations)} organisations, {len(files.teams)} teams.")
    report.say("The stories are shared; scripted moderators, staff and authors do the rest.")
    try:
        with report.bar(len(stories())):
            await go_round(system, stories(), comments(), round_, report.ended)
    except (Refused, HTTPError, KafkaError) as trouble:
        round_.trouble = f"Not everything could be shared: {trouble or type(trouble).__name__}"


def _tell(system: Stack, report: Report, round_: Round) -> None:
    report.table(round_.journeys)
    report.say(round_.trouble or round_.comments or "Nobody looked at the comments.", "red" if round_.trouble else "")
    report.say(f"{len(system.mailbox.mails)} mails went to authors who had agreed to be written to.")
    right = sum(journey.right for journey in round_.journeys)
    report.say(f"{right} of {len(stories())} stories are where they should be.", "green" if round_.right else "red")
    if not round_.right:
        report.last_words(system.folder)


def _stay(report: Report, address: str, system: Stack) -> None:
    report.more("")
    report.more(f"{address:<32} stories, their timelines, and the APIs")
    for path, what in (("/mails", "mails to authors"), ("/receipts", "receipts"), ("/parked", "parked events")):
        report.more(f"{address + path:<32} {what}")
    for service, path in (("intake", "/moderation/stories"), ("responder", "/"), ("tracker", "/changes")):
        report.more(f"{system.url(service, '/sign-in?next=' + path):<32} sign in to {service}")
    report.more("Sign in as " + "; ".join(f"{person.name} ({person.about})" for person in PEOPLE))
    report.say("It stays up until Ctrl-C.")
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


if __name__ == "__main__":
    app()
