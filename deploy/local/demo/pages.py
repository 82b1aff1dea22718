"""Pages: what can be looked at, as one person sees it. Staff's APIs want a token, so the pages ask them here."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from deploy.local.demo.html import STYLE, link, page, people, table, text
from deploy.local.demo.journey import Journey
from deploy.local.demo.loop import Round
from deploy.local.demo.outcome import times_of
from deploy.local.demo.report import WAYS, words
from deploy.local.mail import Mail
from deploy.local.stack import Stack
from deploy.local.system import SERVICES
from shared import parked_rows
from shared.database import Database
from shared.parked_rows import Parked, Wanted

__all__ = ["STYLE", "Pages"]


class Pages:
    """Each page is made when it is asked for, so a reload shows what is so by then."""

    def __init__(self, stack: Stack, round_: Round) -> None:
        self._stack = stack
        self._round = round_

    def index(self) -> str:
        """Every story, and the APIs."""
        rows = [_row(journey) for journey in self._round.journeys]
        heads = ("Story", "Came by", "Sent", "Heard", "Answered", "Change", "Is now")
        caption = "Seconds since each story was shared"
        stories = table(caption, heads, rows, "wwnnnn-") if rows else "<p>The stories are being shared: reload.</p>"
        apis = [[text(name), link(address, address)] for name, address in self._documents()]
        return page(
            "Stories on their way round the loop",
            stories,
            '<h2 id="apis">APIs</h2>',
            table("Each service describes its own API", ("Service", "OpenAPI document"), apis, "-w"),
        )

    def _documents(self) -> list[tuple[str, str]]:
        return [(service, self._stack.url(service, "/openapi.json")) for service in SERVICES]

    def story(self, id_: str) -> str:
        """One story, its timeline and its changes; empty if there is no such story."""
        journey = next((one for one in self._round.journeys if id_ and str(one.story) == id_), None)
        if journey is None:
            return ""
        token = {"Authorization": f"Bearer {self._stack.token('idris')}"}
        answer = httpx.get(self._stack.url("tracker", f"/stories/{id_}"), headers=token, timeout=10, trust_env=False)
        if not answer.is_success:
            return page("An erased story", "<p>Tracker holds nothing of it any more.</p>", _notes(journey))
        language = journey.sample.told.get("language", "en")
        parts = (_told(journey), _notes(journey), _timeline(answer.json()))
        return page(journey.sample.title, *parts, language=language)

    def mails(self) -> str:
        """What authors were written, the newest first."""
        cards = [_mail(one) for one in reversed(self._stack.mailbox.mails)]
        return page("Mails that authors got", *(cards or ["<p>None yet.</p>"]))

    def receipts(self) -> str:
        """What publishers were told of what they offered."""
        rows = [
            [text(one["publisher"]), text(one["event_id"]), text(one["outcome"]), _why(one)]
            for one in self._round.receipts.seen
        ]
        return page(
            "Receipts that publishers got",
            table("One for each event offered", ("Publisher", "Event", "Outcome", "Why"), rows, "-w-w"),
        )

    def parked(self) -> str:
        """What could not be accepted, without its words; `python -m shared.parked` does more."""
        rows = [
            [text(service), text(one.type), text(one.reason), text(one.detail), _clock(one.parked_at)]
            for service, one in asyncio.run(self._parked())
        ]
        heads = ("Service", "Type", "Reason", "Detail", "Parked at")
        return page(
            "Parked events",
            "<p>Kept byte for byte until somebody redrives or discards them.</p>",
            table("Parked in all services", heads, rows, "--ww-") if rows else "<p>None.</p>",
        )

    async def _parked(self) -> list[tuple[str, Parked]]:
        found = []
        for service, dsn in self._stack.databases.dsns.items():
            database = await Database.connect(dsn, application="demo", size=1)
            try:
                async with database.connection() as connection:
                    found += [(service, one) for one in await parked_rows.find(connection, Wanted(), 100)]
            finally:
                await database.close()
        return found


def _row(journey: Journey) -> list[str]:
    title = people(journey.sample.title, journey.sample.told.get("language", "en"))
    if journey.story:
        title = f'<a href="/stories/{journey.story}">{title}</a>'
    times = times_of(journey.timeline)
    seconds = ["–" if one is None else f"{one:.1f}" for one in (times.sent, times.heard, times.answered, times.change)]
    now = words(journey.reached) if journey.ended else "on its way"
    return [title, text(WAYS[journey.sample.way]), *seconds, text(now)]


def _mail(mail: Mail) -> str:
    head = f'<h2>{text(mail.subject)}</h2><p class="quiet">To {text(", ".join(mail.to))}, {_clock(mail.at)} UTC</p>'
    return f'<article class="card">{head}{people(mail.text, tag="p", css="story")}</article>'


def _told(journey: Journey) -> str:
    told = journey.sample.told
    parts = [people(told["text"], told.get("language", "en"), "p", "story")]
    for name, label in (("good", "What was good"), ("improve", "What could be better")):
        if told.get(name):
            parts.append(f"<p><strong>{label}:</strong> {people(told[name], told.get('language', 'en'))}</p>")
    return f'<div class="card">{"".join(parts)}</div>'


def _notes(journey: Journey) -> str:
    return "".join(f"<p>{text(note)}</p>" for note in journey.notes)


def _timeline(timeline: Mapping[str, Any]) -> str:
    entries = [
        [text(_clock(datetime.fromisoformat(one["at"]))), text(one["kind"]), text(_details(one["detail"]))]
        for one in timeline["entries"]
    ]
    changes = [[text(one["state"]), text(one["what"]), text(one["due"] or "–")] for one in timeline["changes"]]
    parts = ["<h2>What happened</h2>", table("Tracker's timeline, UTC", ("When", "What", "Detail"), entries, "--w")]
    if changes:
        parts += ["<h2>Changes</h2>", table("Because of this story", ("State", "What", "By"), changes, "-w-")]
    return "".join(parts)


def _details(detail: Mapping[str, Any]) -> str:
    who = ", ".join(detail[name] for name in ("team_name", "organisation", "role") if detail.get(name))
    claim = f"change: {detail['claim']}" if detail.get("claim", "none") != "none" else ""
    said = (who, claim, detail.get("evidence"), detail.get("verdict"))
    return ". ".join(one.rstrip(".") for one in said if one)


def _why(receipt: Mapping[str, Any]) -> str:
    faults = "; ".join(f"{fault['field']}: {fault['problem']}" for fault in receipt["errors"])
    return text(" – ".join(part for part in (receipt["reason"], faults) if part))


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"
