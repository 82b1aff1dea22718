"""Hearing: what becomes of each record of a batch, decided under the locks of its threads and without any I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from shared.cloudevents import Envelope, Record
from shared.contracts import CONTRACTS, Event
from shared.events import ReplayEnded, SubjectRestated
from shared.threads import Thread


class Outcome(StrEnum):
    """The only things that can become of a record."""

    HANDLED = "handled"
    SKIPPED = "skipped"
    """Of no interest here."""
    REPEATED = "repeated"
    ERASED = "erased"
    """Its story is erased: counted as heard, and no further."""
    PARKED = "parked"


class Notice(StrEnum):
    """What a number says beside being new; both are log names."""

    GAP = "sequence.gap"
    WENT_BACK = "announcer.went_back"


@dataclass(slots=True)
class Arrival:
    """One record on its way through a batch."""

    record: Record
    envelope: Envelope | None = None
    subject: str | None = None
    outcome: Outcome | None = None
    reason: str = ""
    detail: str = ""
    errors: tuple[tuple[str, str], ...] = ()
    wordless: bool = False
    """Parked without key and value: the story is erased, and its words may not stay for as long as parked rows do."""
    notice: Notice | None = None
    culprit: str = ""
    """What failed when this record was tried alone; it is parked with the next try of its batch."""
    events: list[Event] = field(default_factory=list)

    def park(self, reason: str, detail: str = "") -> None:
        """Decides that it cannot be accepted; detail names fields, never what stood in them."""
        self.outcome, self.reason, self.detail = Outcome.PARKED, reason, detail

    def again(self) -> None:
        """Forgets what was decided, before the batch is tried again; an unreadable record stays so."""
        if self.envelope is not None:
            self.outcome, self.notice, self.reason, self.detail, self.events = None, None, "", "", []
            self.wordless = False


def number_is_new(arrival: Arrival, thread: Thread) -> bool:
    """Compares the fact's (term, sequence) with what was heard, counts it, and notices gaps and set-backs."""
    envelope = arrival.envelope
    if envelope is None or envelope.sequence == 0:
        return True
    heard = thread.heard_from(envelope.source)
    if envelope.number <= heard:
        return False
    if envelope.type not in _RESTATING:
        arrival.notice = _notice(envelope.sequence, heard[1])
    thread.hear(envelope.source, envelope.number)
    return True


def _notice(sequence: int, heard: int) -> Notice | None:
    if sequence <= heard:
        return Notice.WENT_BACK
    return Notice.GAP if sequence > heard + 1 else None


_RESTATING = frozenset({SubjectRestated.type, ReplayEnded.type})
"""A replay starts where it starts: its numbers follow on nothing."""


def decide(
    arrival: Arrival,
    thread: Thread | None,
    interesting: Iterable[type[Event]],
    submissions: bool,
    redriven: bool = False,
) -> None:
    """Sets the outcome of one record that is new; those to be handled have their events decoded.

    A redriven erasure is no repeat: its story was marked when it was parked, and its handler has not run.
    """
    envelope = arrival.envelope
    if envelope is None:
        return
    contract = CONTRACTS.get(envelope.type)
    erased = thread is not None and thread.erased
    if contract is None:
        _unknown(arrival, envelope.type, submissions)
    elif submissions and contract not in interesting:
        arrival.park("unexpected_type")
    elif contract.erases and erased and not redriven:
        arrival.outcome = Outcome.REPEATED
    elif contract.personal and (erased or envelope.erased):
        _of_an_erased_story(arrival, submissions)
    elif contract not in interesting and contract is not SubjectRestated:
        _skip(arrival)
    else:
        _decode(arrival, envelope, contract, set(interesting))


def may_hold_words(arrival: Arrival) -> bool:
    """False for what was read as a fact without words: a failed erasure must stay whole, or none could redrive it."""
    return not arrival.events or any(event.personal for event in arrival.events)


def mark_erased(arrival: Arrival, thread: Thread | None) -> None:
    """Whatever comes after an erasure, even in the same batch, is of an erased story."""
    if thread is not None and any(event.erases for event in arrival.events):
        thread.erased = thread.moved = True


def _skip(arrival: Arrival) -> None:
    arrival.outcome = Outcome.SKIPPED


def _of_an_erased_story(arrival: Arrival, submissions: bool) -> None:
    if submissions:
        arrival.park("story_erased")
        arrival.wordless = True
        return
    arrival.outcome = Outcome.ERASED


def _unknown(arrival: Arrival, type_: str, submissions: bool) -> None:
    name, _, version = type_.rpartition(".v")
    known_name = any(known.rpartition(".v")[0] == name for known in CONTRACTS)
    if known_name and version.isdigit():
        arrival.park("unknown_version")
    elif submissions:
        arrival.park("unknown_type")
    else:
        _skip(arrival)


def _decode(arrival: Arrival, envelope: Envelope, contract: type[Event], interesting: set[type[Event]]) -> None:
    try:
        event = contract.model_validate_json(envelope.data or b"").come_as(envelope)
        arrival.events = [event]
        if isinstance(event, SubjectRestated):
            arrival.events = [fact for fact in _restated(event, envelope) if type(fact) in interesting]
    except ValidationError as error:
        arrival.errors = problems(error)
        arrival.park("contract_broken", "; ".join(f"{where}: {what}" for where, what in arrival.errors)[:2000])
    except (KeyError, TypeError, ValueError):
        arrival.park("contract_broken", "facts: one has no data, or a time that is none")
    else:
        arrival.outcome = Outcome.HANDLED


def _restated(event: SubjectRestated, envelope: Envelope) -> Iterable[Event]:
    for fact in event.facts:
        contract = CONTRACTS.get(str(fact.get("type")))
        if contract is not None:
            time = datetime.fromisoformat(fact["time"]) if "time" in fact else envelope.time
            came = replace(envelope, type=contract.type, time=time, data=None, replayed=True)
            yield contract.model_validate_json(to_json(fact["data"])).come_as(came)


_WITHOUT_VALUES = frozenset(
    {
        "missing",
        "enum",
        "too_long",
        "too_short",
        "string_too_long",
        "string_too_short",
        "string_pattern_mismatch",
        "greater_than_equal",
        "less_than_equal",
    }
)
"""Faults whose message names only our own rule; of others only the first clause is kept."""


def problems(error: ValidationError) -> tuple[tuple[str, str], ...]:
    """(field, problem) of each fault; never the value, and no key that a sender may have invented."""
    return tuple(
        (place_of(fault["loc"]), sentence_of(dict(fault)))
        for fault in error.errors(include_url=False, include_input=False)[:20]
    )


def place_of(location: Sequence[int | str]) -> str:
    """A field's path, dotted."""
    return ".".join(str(part) if isinstance(part, int) else part[:40] for part in location) or "data"


def sentence_of(fault: Mapping[str, Any]) -> str:
    """What is wrong with a field, without the value."""
    message = str(fault["msg"]).removeprefix("Value error, ")
    return message if fault["type"] in _WITHOUT_VALUES else message.split(":")[0].split(",")[0]
