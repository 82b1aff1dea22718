"""Which subscriptions cover a story, and which files fit together."""

from services.router.faults import faults
from services.router.rules import Directory, Organisation, Subscription, Team, route, way_up
from tests.router.directory import ORGANISATIONS, files

TREE = {one.code: one for one in ORGANISATIONS}


def listens(team: str, scope: str, code: str = "") -> Subscription:
    return Subscription(code or f"S-{team}-{scope}", team, f"Team {team}", "TRUST1", scope)


def reached(services: list[str], *subscriptions: Subscription) -> list[tuple[str, str]]:
    """(team, rule) of each match."""
    found = route(services, Directory(1, TREE, subscriptions))
    return [(match.subscription.team, match.rule) for match in found]


def test_a_team_signed_up_for_the_service_itself_is_reached() -> None:
    assert reached(["W1"], listens("T1", "W1")) == [("T1", "same_service")]


def test_a_team_signed_up_for_a_service_above_is_reached() -> None:
    assert reached(["W1"], listens("T2", "TRUST1")) == [("T2", "service_above")]


def test_a_team_signed_up_for_the_ward_next_door_is_not_reached() -> None:
    assert reached(["W1"], listens("T9", "W2")) == []


def test_a_team_signed_up_below_the_storys_service_is_not_reached() -> None:
    assert reached(["SITE1"], listens("T1", "W1")) == []


def test_of_two_subscriptions_of_one_team_the_nearest_wins() -> None:
    assert reached(["W1"], listens("T1", "TRUST1"), listens("T1", "W1")) == [("T1", "same_service")]


def test_of_two_equally_near_subscriptions_the_first_code_wins_in_any_order() -> None:
    first, second = listens("T1", "W1", "A"), listens("T1", "W1", "B")

    for order in ((first, second), (second, first)):
        (match,) = route(["W1"], Directory(1, TREE, order))
        assert match.subscription.code == "A"


def test_a_story_about_two_services_reaches_a_team_above_both_once() -> None:
    assert reached(["W1", "C1"], listens("T2", "TRUST1"), listens("T3", "C1")) == [
        ("T2", "service_above"),
        ("T3", "same_service"),
    ]


def test_the_path_leads_from_the_top_to_the_storys_service() -> None:
    (match,) = route(["W1"], Directory(1, TREE, [listens("T2", "TRUST1")]))

    assert match.path == ("North Trust", "Hill Hospital", "Ward 1")
    assert match.evidence == "The story is about Ward 1, which is part of North Trust."


def test_a_service_that_is_not_in_the_directory_reaches_nobody() -> None:
    assert reached(["NOWHERE"], listens("T2", "TRUST1")) == []


def test_the_way_up_ends_where_a_cycle_closes() -> None:
    round_ = {"A": Organisation("A", "A", "site", "B"), "B": Organisation("B", "B", "site", "A")}

    assert [one.code for one in way_up("A", round_)] == ["A", "B"]


def test_a_directory_that_fits_together_has_no_faults() -> None:
    assert faults(files()) == []


def test_each_missing_part_is_named_in_a_sentence() -> None:
    broken = files(
        organisations=(Organisation("W1", "Ward 1", "service", "GONE"),),
        teams=(Team("T1", "Ward team", "NOWHERE"),),
        subscriptions=(("S1", "T9", "W1"), ("S2", "T1", "W9")),
    )

    assert faults(broken) == [
        "organisation W1: parent GONE is not there",
        "team T1: organisation NOWHERE is not there",
        "subscription S1: team T9 is not there",
        "subscription S2: scope W9 is not there",
    ]


def test_only_organisations_inside_a_cycle_are_above_themselves() -> None:
    broken = files(
        organisations=(
            Organisation("A", "A", "site", "B"),
            Organisation("B", "B", "site", "A"),
            Organisation("C", "C", "service", "A"),
            Organisation("D", "D", "service", "D"),
        ),
        teams=(),
        subscriptions=(),
    )

    assert faults(broken) == [
        "organisation A: is above itself",
        "organisation B: is above itself",
        "organisation D: is above itself",
    ]


def test_codes_that_no_event_could_carry_are_faults() -> None:
    broken = files(
        organisations=(Organisation("W 1", "Ward 1", "service", None), Organisation("W2", "", "service", None)),
        teams=(Team("T/1", "Ward team", "W2"),),
        subscriptions=(("S 1", "T/1", "W2"),),
    )

    assert faults(broken) == [
        "organisation W 1: the code has not the right shape",
        "organisation W2: the name has not the right shape",
        "team T/1: the code has not the right shape",
        "subscription S 1: the code has not the right shape",
    ]
