"""What publishers offer and take back: two streams, one for stories and one, in bulk, for comments.

The same handlers serve the publishers' topics and `POST /events`; whatever becomes of a submission goes to its
publisher's receipts, except that what is refused over HTTP has only its answer.
"""

import sys
from collections.abc import Callable, Sequence
from uuid import UUID

from services.intake import letters, rules, store
from services.intake.rules import Fate, Judgement, Submission
from shared.cloudevents import Envelope
from shared.contracts import Event
from shared.events import (
    CommentOffered,
    CommentReceived,
    FieldError,
    ReceiptGiven,
    ReceiptOutcome,
    StoryOffered,
    StoryPublished,
    StoryRecalled,
    StoryReceived,
    StoryTold,
    StoryWithdrawn,
)
from shared.hearing import Arrival
from shared.ids import comment_of, story_of, uuid_of
from shared.streams import Stream
from shared.topics import Lane
from shared.work import Work, hearings, hears


def publisher_of(topic: str) -> str:
    """The publisher whose topic this is: only it can write there."""
    return topic.rpartition(".")[2]


def story_subject(topic: str, reference: str) -> str:
    """A publisher's own reference as our subject."""
    return f"story/{story_of(publisher_of(topic), reference)}"


def comment_subject(topic: str, reference: str) -> str:
    """A publisher's own reference of a comment as our subject."""
    return f"comment/{comment_of(publisher_of(topic), reference)}"


@hears(StoryOffered)
async def take_stories(offers: Sequence[StoryOffered], work: Work) -> None:
    """A story is accepted once; of a publisher that is trusted to moderate it is published at once."""
    asked = [submission_of(offer, story_subject) for offer in offers]
    known = await store.known(work.connection, asked)
    judged = [rules.judge(one, offer.services, known) for one, offer in zip(asked, offers, strict=True)]
    taken = [(one, offer) for one, offer, how in zip(asked, offers, judged, strict=True) if how.fate is Fate.ACCEPTED]
    await store.save_offers(work.connection, taken, known.publishers)
    for submission, offer in taken:
        accept(work, id_of(submission), submission.publisher, offer, known.publishers[submission.publisher].trusted)
    await give_receipts(work, offers, asked, judged)


@hears(StoryRecalled)
async def take_back(recalls: Sequence[StoryRecalled], work: Work) -> None:
    """A publisher takes stories back; a recall before its offer is kept."""
    asked = [submission_of(recall, story_subject) for recall in recalls]
    known = await store.known(work.connection, asked)
    judged = [rules.judge_recall(one, known) for one in asked]
    allowed = [id_of(one) for one, how in zip(asked, judged, strict=True) if how.fate]
    withdrawn = await store.withdraw(work.connection, allowed)
    await store.save_recalls(work.connection, allowed)
    work.announce(*(StoryWithdrawn(story=story) for story in withdrawn))
    await give_receipts(work, recalls, asked, judged)


@hears(CommentOffered)
async def take_comments(offers: Sequence[CommentOffered], work: Work) -> None:
    """Comments are taken in bulk: no case, no clock."""
    asked = [submission_of(offer, comment_subject) for offer in offers]
    known = await store.known(work.connection, asked)
    judged = [rules.judge(one, [offer.service], known) for one, offer in zip(asked, offers, strict=True)]
    taken = [(one, offer) for one, offer, how in zip(asked, offers, judged, strict=True) if how.fate is Fate.ACCEPTED]
    await store.save_comments(work.connection, taken)
    work.announce(*(received_comment(submission, offer) for submission, offer in taken))
    await give_receipts(work, offers, asked, judged)


def submission_of(event: Event, named: Callable[[str, str], str]) -> Submission:
    """What a submission is known by; `named` makes our subject of its publisher's reference."""
    envelope = event.envelope
    subject = named(envelope.topic, envelope.subject)
    sha256 = rules.fingerprint(event, subject)
    return Submission(publisher_of(envelope.topic), envelope.id, sha256, subject, envelope.source)


def id_of(submission: Submission) -> UUID:
    """Our id of what was submitted."""
    return uuid_of(submission.subject)


def accept(work: Work, story: UUID, publisher: str, told: StoryTold, trusted: bool) -> None:
    """Says that a story is ours, and publishes it if its publisher moderates; its author may be written to."""
    work.announce(
        StoryReceived(
            story=story,
            publisher=publisher,
            services=told.services,
            author_role=told.author_role,
            route=told.route,
            visibility=rules.visibility(told),
            received_at=work.now,
        )
    )
    if trusted:
        work.announce(published(story, 1, told, told.criticality))
    work.deliver(*letters.received(story, told))


def published(story: UUID, revision: int, told: StoryTold, criticality: int | None) -> StoryPublished:
    """The story as staff, and perhaps the public, may read it."""
    shown = told.model_dump(include=StoryPublished.model_fields.keys() - {"criticality"})
    return StoryPublished(
        story=story, revision=revision, criticality=criticality, visibility=rules.visibility(told), **shown
    )


def received_comment(submission: Submission, offer: CommentOffered) -> CommentReceived:
    """The fact that a comment is ours."""
    return CommentReceived(comment=id_of(submission), publisher=submission.publisher, **offer.model_dump())


# --- receipts ---------------------------------------------------------------------------------------


async def give_receipts(
    work: Work, events: Sequence[Event], asked: Sequence[Submission], judged: Sequence[Judgement]
) -> None:
    """Tells publishers what became of their submissions; refused ones are parked, and told of from there."""
    decided = [(event, one, how) for event, one, how in zip(events, asked, judged, strict=True)]
    await store.save_submissions(work.connection, [one for _, one, how in decided if how.fate])
    for event, submission, how in decided:
        if how.fate is None:
            work.refuse(event, how.reason or "refused")
        else:
            work.announce(
                _receipt(event.envelope, submission.publisher, ReceiptOutcome(how.fate), submission),
                cause=event.envelope,
            )


async def tell_refused(parked: Sequence[Arrival], work: Work) -> None:
    """A receipt for each submission that was parked, if its publisher is known: others have no receipts topic."""
    known = await store.publishers(work.connection, {publisher_of(arrival.record.topic) for arrival in parked})
    for arrival in parked:
        publisher = publisher_of(arrival.record.topic)
        if publisher in known:
            work.announce(_refusal(arrival, publisher), cause=arrival.envelope)


def _receipt(envelope: Envelope, publisher: str, outcome: ReceiptOutcome, submission: Submission) -> ReceiptGiven:
    return ReceiptGiven(
        publisher=publisher,
        event_id=envelope.id,
        offered_on=envelope.topic,
        partition=envelope.partition,
        offset=envelope.offset,
        outcome=outcome,
        subject_id=id_of(submission),
    )


def _refusal(arrival: Arrival, publisher: str) -> ReceiptGiven:
    return ReceiptGiven(
        publisher=publisher,
        event_id=arrival.envelope.id if arrival.envelope else None,
        offered_on=arrival.record.topic,
        partition=arrival.record.partition,
        offset=arrival.record.offset,
        outcome=ReceiptOutcome.REFUSED,
        reason=arrival.reason,
        errors=tuple(FieldError(field=where, problem=what) for where, what in arrival.errors),
    )


_HANDLERS = hearings(sys.modules[__name__])
STREAMS = (
    Stream(
        "storyloop.intake.submissions",
        {kind: _HANDLERS[kind] for kind in (StoryOffered, StoryRecalled)},
        pattern=r"^storyloop\.submissions\..*",
        submissions=True,
        subject=story_subject,
        refused=tell_refused,
    ),
    Stream(
        "storyloop.intake.bulk",
        {CommentOffered: _HANDLERS[CommentOffered]},
        pattern=r"^storyloop\.comment-submissions\..*",
        submissions=True,
        subject=comment_subject,
        refused=tell_refused,
        lane=Lane.BULK,
    ),
)
