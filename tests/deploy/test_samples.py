"""The samples of the demo: contracts that hold, every variety, and nobody real."""

import json
import re
from collections import Counter

import pytest
from pydantic import ValidationError

from deploy.local.demo.samples import (
    DIRECTORY,
    FOLDER,
    Approve,
    Decline,
    Reply,
    State,
    Story,
    Variety,
    Way,
    comments,
    stories,
)
from services.router.load import read_files
from services.router.rules import Directory, Subscription, route
from shared.events import Claim, CommentOffered, StoryTold

RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff]")
EMOJI = re.compile(r"[\U0001F300-\U0001FAFF]")


def test_there_are_at_least_25_stories_and_most_come_on_a_publishers_topic_in_both_modes() -> None:
    ways = Counter(story.way for story in stories())

    by_topic = ways[Way.KAFKA_BINARY] + ways[Way.KAFKA_STRUCTURED]

    assert len(stories()) >= 25
    assert by_topic > len(stories()) / 2
    assert all(ways[way] >= 2 for way in Way), ways


def test_every_variety_is_there_and_is_what_it_says() -> None:
    shown = {variety: [one for one in stories() if variety in one.shows] for variety in Variety}

    assert all(shown.values()), [variety for variety, found in shown.items() if not found]
    assert all(len(one.told["text"]) > 2_000 for one in shown[Variety.VERY_LONG])
    assert all(len(one.told["text"]) < 90 for one in shown[Variety.VERY_SHORT])
    assert all(criticality_of(one) >= 4 for one in shown[Variety.SERIOUS])
    assert all(len(one.told["services"]) > 1 for one in shown[Variety.SEVERAL_SERVICES])
    assert all(one.told["language"] != "en" for one in shown[Variety.OTHER_LANGUAGE])
    assert all(RIGHT_TO_LEFT.search(one.told["text"]) for one in shown[Variety.RIGHT_TO_LEFT])
    assert all(EMOJI.search(one.told["text"]) for one in shown[Variety.EMOJI])


def criticality_of(story: Story) -> int:
    """What its publisher says, or the moderator who lets it out."""
    said = story.told.get("criticality")
    return int(
        said if said is not None else next(one.criticality or 0 for one in story.script if isinstance(one, Approve))
    )


def test_references_are_unique_and_name_their_files() -> None:
    files = sorted(path.stem for path in (FOLDER / "stories").glob("*.json"))

    references = [one.reference for one in stories()]

    assert sorted(references) == files
    assert len({one.title for one in stories()}) == len(stories())
    assert len({one.reference for one in comments()}) == len(comments())


@pytest.mark.parametrize("story", stories(), ids=lambda one: one.reference)
def test_each_story_is_a_contract_unless_it_is_there_to_be_refused(story: Story) -> None:
    is_broken = story.expected.reason == "contract_broken"

    try:
        StoryTold.model_validate_json(json.dumps(story.told))
    except ValidationError:
        assert is_broken
    else:
        assert not is_broken


@pytest.mark.parametrize("story", stories(), ids=lambda one: one.reference)
def test_no_story_says_a_field_that_nobody_reads(story: Story) -> None:
    assert story.told.keys() <= StoryTold.model_fields.keys()


def test_each_comment_is_a_contract() -> None:
    offered = [one.model_dump(exclude={"reference"}) | {"given_on": "2026-05-04"} for one in comments()]

    assert [CommentOffered.model_validate(one).service for one in offered] == [one.service for one in comments()]


@pytest.mark.parametrize("story", stories(), ids=lambda one: one.reference)
def test_each_story_should_reach_the_teams_that_the_directory_gives(story: Story) -> None:
    files = read_files(*DIRECTORY)
    interests = [
        Subscription(code, team, files.teams[team].name, files.teams[team].organisation, scope)
        for code, team, scope in files.subscriptions
    ]
    suggested = [step.suggestion for step in story.script if isinstance(step, Decline)]

    matches = route([*story.told["services"], *suggested], Directory(1, files.organisations, interests))

    is_public_to_staff = story.expected.state not in {State.REFUSED, State.REJECTED, State.ERASED}
    teams = {match.subscription.team for match in matches} if is_public_to_staff else set()
    assert set(story.expected.teams) == teams
    assert set(story.told["services"]) <= files.organisations.keys()


def test_the_scripts_show_all_that_can_become_of_a_story() -> None:
    states = {one.expected.state for one in stories()}
    steps = {step.do for one in stories() for step in one.script}
    claims = {step.claim for one in stories() for step in one.script if isinstance(step, Reply)}

    assert states == set(State) - {State.RECEIVED, State.CHANGE_MISSED}
    assert steps == {
        "approve",
        "reject",
        "hear",
        "reply",
        "decline",
        "make",
        "judge",
        "withdraw",
        "erase",
        "offer_again",
    }
    assert claims == {Claim.NONE, Claim.PLANNED, Claim.MADE}


def test_the_directory_has_a_service_that_nobody_listens_to() -> None:
    files = read_files(*DIRECTORY)

    assert (len(files.teams), len(files.organisations) >= 30) == (12, True)
    assert [one.told["services"] for one in stories() if one.expected.state is State.UNHEARD] == [["RZY01-PTS"]]


def test_nobody_real_can_be_written_to_or_rung() -> None:
    everything = "".join(path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.*"))

    addresses = re.findall(r"[\w.+-]+@([\w.-]+)", everything)

    assert set(addresses) == {"example.org"}
    assert re.findall(r"\b0\d{3,4} ?\d{3} ?\d{3,4}\b", everything) == []
    assert re.findall(r"\b\d{3}[ -]?\d{3}[ -]?\d{4}\b", everything) == []
