"""What may be accepted, what is published at once, and who is who among publishers."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.intake.rules import (
    Fate,
    Judgement,
    Known,
    Publisher,
    State,
    Submission,
    fingerprint,
    is_known_change,
    judge,
    judge_recall,
    may_write_to,
    visibility,
    why_not_moderate,
)
from shared.events import StoryOffered, Visibility
from shared.ids import new_id
from tests.factories import story_offered

ROOT = Path(__file__).parents[2]
SURVEYS = Publisher("surveys", frozenset({"/surveys/wards"}), frozenset({"W1"}), trusted=False)


def submission(**fields: Any) -> Submission:
    said = {"publisher": "surveys", "event_id": "e-1", "sha256": b"1", "subject": "story/1", "source": "/surveys/wards"}
    return Submission(**(said | fields))


def known(**fields: Any) -> Known:
    return Known(publishers={"surveys": SURVEYS}, **fields)


ACCEPTED, REPEATED = Judgement(Fate.ACCEPTED), Judgement(Fate.REPEATED)


def test_a_new_offer_is_accepted() -> None:
    assert judge(submission(), ["W1"], known()) == ACCEPTED


def test_the_same_offer_again_is_a_repeat() -> None:
    there = known(submissions={("surveys", "e-1"): b"1"}, stories={"story/1": b"1"})

    assert judge(submission(), ["W1"], there) == REPEATED


def test_a_repeat_within_one_batch_is_one_too() -> None:
    there = known()

    assert [judge(submission(), ["W1"], there) for _ in range(2)] == [ACCEPTED, REPEATED]


def test_the_same_story_under_a_new_event_id_is_a_repeat() -> None:
    assert judge(submission(event_id="e-2"), ["W1"], known(stories={"story/1": b"1"})) == REPEATED


REFUSED: list[tuple[Submission, Known, list[str], str]] = [
    (submission(publisher="nobody"), known(), ["W1"], "unknown_publisher"),
    (submission(source="/elsewhere"), known(), ["W1"], "source_not_registered"),
    (submission(), known(), ["W1", "W2"], "service_not_registered"),
    (submission(sha256=b"2"), known(submissions={("surveys", "e-1"): b"1"}), ["W1"], "event_id_reused"),
    (submission(sha256=b"2"), known(stories={"story/1": b"1"}), ["W1"], "reference_reused"),
    (submission(), known(recalled=frozenset({"story/1"})), ["W1"], "recalled"),
]


@pytest.mark.parametrize(("asked", "there", "services", "reason"), REFUSED, ids=[row[3] for row in REFUSED])
def test_an_offer_is_refused_for_a_reason(asked: Submission, there: Known, services: list[str], reason: str) -> None:
    assert judge(asked, services, there) == Judgement(None, reason)


def test_a_publisher_for_every_service_may_speak_for_any() -> None:
    everywhere = Known({"surveys": Publisher("surveys", SURVEYS.sources, frozenset({"*"}), trusted=False)})

    assert judge(submission(), ["W1", "C9"], everywhere) == ACCEPTED


def test_a_recall_is_accepted_once() -> None:
    there = known()

    assert [judge_recall(submission(), there) for _ in range(2)] == [ACCEPTED, REPEATED]


def test_a_recall_under_the_event_id_of_an_offer_is_refused() -> None:
    there = known(submissions={("surveys", "e-1"): b"1"})

    assert judge_recall(submission(sha256=b"2"), there) == Judgement(None, "event_id_reused")


def test_a_fingerprint_tells_apart_what_is_said_and_of_what() -> None:
    offers = [
        fingerprint(story_offered(), "story/1"),
        fingerprint(story_offered(text="Something else."), "story/1"),
        fingerprint(story_offered(), "story/2"),
    ]

    assert len(set(offers)) == 3


def test_a_fingerprint_does_not_count_unknown_fields_and_defaults() -> None:
    more = StoryOffered.model_validate(story_offered().model_dump(mode="json") | {"mood": "new"})

    assert fingerprint(more) == fingerprint(story_offered())


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    """Sets are ordered by hashes that differ from process to process; a repeat after a restart looked reused."""
    script = (
        "from services.intake.rules import fingerprint; from tests.factories import story_offered;"
        "from shared.events import Consent;"
        "print(fingerprint(story_offered(consent=list(Consent))).hex())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
        for seed in range(4)
    }

    assert len(said) == 1


@pytest.mark.parametrize(
    ("consent", "shown_to"),
    [(["show_to_staff", "publish"], Visibility.PUBLIC), (["show_to_staff"], Visibility.STAFF)],
)
def test_a_story_is_public_only_if_its_author_says_so(consent: list[str], shown_to: Visibility) -> None:
    assert visibility(story_offered(consent=consent)) is shown_to


@pytest.mark.parametrize(
    ("email", "consent", "may"),
    [
        ("robin@example.org", ["show_to_staff", "write_to_me"], True),
        ("robin@example.org", ["show_to_staff", "publish"], False),
        (None, ["show_to_staff", "write_to_me"], False),
    ],
)
def test_authors_are_written_to_only_with_address_and_consent(email: str | None, consent: list[str], may: bool) -> None:
    assert may_write_to(story_offered(email=email, consent=consent)) is may


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (State.WAITING, None),
        (State.PUBLISHED, "already_published"),
        (State.REJECTED, "already_rejected"),
        (State.WITHDRAWN, "already_withdrawn"),
    ],
)
def test_only_a_waiting_story_can_be_moderated(state: State, reason: str | None) -> None:
    assert why_not_moderate(state) == reason


def test_a_verdict_is_about_a_change_and_not_about_a_reply() -> None:
    change, reply = new_id(), new_id()
    details = [{"text": str(reply)}, {"change": str(change)}]

    assert is_known_change(change, details)
    assert not is_known_change(reply, details)
