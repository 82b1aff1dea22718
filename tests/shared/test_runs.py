"""Runs: few calls of handlers, and no subject's later event before its earlier one."""

from collections.abc import Callable
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import Event
from shared.events import StoryErased, StoryPublished, StoryWithdrawn
from shared.hearing import Arrival, Outcome
from shared.runs import Run, runs
from tests.factories import story_erased, story_published, story_withdrawn
from tests.records import told

A, B, C = (UUID(int=number) for number in (1, 2, 3))


def arrival(event: Event, outcome: Outcome = Outcome.HANDLED) -> Arrival:
    """A fact that was decided upon."""
    return Arrival(told(event, "intake"), None, event.subject, outcome, events=[event])


def events_of(run: Run) -> list[Event]:
    return [event for _, event in run.arrivals]


def test_events_of_one_type_are_one_run() -> None:
    found = runs([arrival(story_published(A)), arrival(story_published(B)), arrival(story_published(A))])

    assert [(run.contract, [event.subject for event in events_of(run)]) for run in found] == [
        (StoryPublished, [f"story/{A}", f"story/{B}", f"story/{A}"])
    ]


def test_another_storys_event_joins_an_earlier_run() -> None:
    found = runs([arrival(story_published(A)), arrival(story_withdrawn(A)), arrival(story_published(B))])

    assert [run.contract for run in found] == [StoryPublished, StoryWithdrawn]


def test_a_storys_own_later_event_never_does() -> None:
    found = runs([arrival(story_published(A)), arrival(story_withdrawn(A)), arrival(story_published(A))])

    assert [run.contract for run in found] == [StoryPublished, StoryWithdrawn, StoryPublished]


def test_only_what_is_to_be_handled_is_in_a_run() -> None:
    others = [outcome for outcome in Outcome if outcome is not Outcome.HANDLED]

    assert runs([arrival(story_published(A), outcome) for outcome in others]) == []
    assert runs([]) == []


def test_the_facts_of_one_record_stay_in_order() -> None:
    one = arrival(story_published(A))
    one.events = [story_withdrawn(A), story_published(A), story_withdrawn(A)]

    assert [run.contract for run in runs([one])] == [StoryWithdrawn, StoryPublished, StoryWithdrawn]


Make = Callable[[UUID], Event]
makers = st.sampled_from([story_published, story_withdrawn, story_erased])
batches = st.lists(st.tuples(makers, st.sampled_from([A, B, C])), max_size=40)


@given(batches)
def test_every_event_is_handled_once_and_in_the_order_of_its_story(batch: list[tuple[Make, UUID]]) -> None:
    arrivals = [arrival(make(story)) for make, story in batch]

    handled = [one for run in runs(arrivals) for one in run.arrivals]

    for story in (A, B, C):
        subject = f"story/{story}"
        assert [id(one) for one, _ in handled if one.subject == subject] == [
            id(one) for one in arrivals if one.subject == subject
        ]


@given(batches)
def test_each_run_has_one_type_and_the_order_in_which_its_events_came(batch: list[tuple[Make, UUID]]) -> None:
    arrivals = [arrival(make(story)) for make, story in batch]
    place = {id(one): number for number, one in enumerate(arrivals)}

    for run in runs(arrivals):
        assert {type(event) for event in events_of(run)} == {run.contract}
        assert [place[id(one)] for one, _ in run.arrivals] == sorted(place[id(one)] for one, _ in run.arrivals)


@given(batches)
def test_there_are_never_more_runs_than_where_neighbours_differ(batch: list[tuple[Make, UUID]]) -> None:
    arrivals = [arrival(make(story)) for make, story in batch]
    types = [type(one.events[0]) for one in arrivals]

    neighbours = sum(before != after for before, after in zip([None, *types], types, strict=False))

    assert len(runs(arrivals)) <= neighbours


def test_five_hundred_stories_in_mixed_order_need_three_calls() -> None:
    stories = [UUID(int=number) for number in range(500)]

    batch = [arrival(make(story)) for story in stories for make in (story_published, story_withdrawn, story_erased)]

    assert [run.contract for run in runs(batch)] == [StoryPublished, StoryWithdrawn, StoryErased]
