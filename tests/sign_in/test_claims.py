"""What claims grant: by rules that are settings, and never by the lack of something."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.sign_in.claims import ClaimRule, grants_from
from shared.sign_in.principal import Grant, MemberRole

DOCUMENT = (Path(__file__).parents[2] / "deploy" / "sign-in.md").read_text(encoding="utf-8")
EXAMPLES = {name: json.loads(block) for name, block in re.findall(r"^```json (\S+)\n(.*?)^```", DOCUMENT, re.M | re.S)}
RULES = TypeAdapter(tuple[ClaimRule, ...])


def granted(issuer: str, **changed: Any) -> set[tuple[str, str | None, str | None]]:
    """(role, organisation, team) of the document's claims, some of them changed, by the document's rules."""
    claims = EXAMPLES[f"{issuer}-claims"] | changed
    grants = grants_from(claims, RULES.validate_python(EXAMPLES[f"{issuer}-rules"]))
    return {(grant.role.value, grant.organisation, grant.team) for grant in grants}


def test_cis2_grants_the_selected_role_alone() -> None:
    assert granted("cis2") == {("responder", "RXF", None)}
    assert granted("cis2", selected_roleid="555000000002") == {("subscriber", "RXK", None)}
    assert granted("cis2", selected_roleid="555000000009") == set()
    assert granted("cis2", selected_roleid=None) == set()
    nameless = [{"org_code": "RXF", "role_code": "S8000:G8000:R8001"}]
    assert granted("cis2", selected_roleid=None, nhsid_nrbac_roles=nameless) == set(), "nothing equals nothing"


def test_entras_roles_hold_in_the_tenants_organisation() -> None:
    assert granted("entra") == {("administrator", "RXF", None)}
    assert granted("entra", tid="00000000-0000-0000-0000-000000000000") == set()
    assert granted("entra", roles=["Storyloop.Unknown"]) == set()


def test_keycloaks_groups_name_organisation_and_team_and_its_realm_roles_hold_everywhere() -> None:
    assert granted("keycloak") == {("responder", "RXF", None), ("subscriber", "RXF", "FERN"), ("moderator", None, None)}
    assert granted("keycloak", groups=["/RXF/responder/extra/deep", "/responder", 7, {"a": 1}]) == {
        ("moderator", None, None)
    }
    assert granted("keycloak", groups="/RXF/responder", realm_access=None) == {("responder", "RXF", None)}


@pytest.mark.parametrize(
    "rule",
    [
        {"at": ["roles"], "role": "moderator"},
        {"at": ["roles"], "role": "moderator", "everywhere": True, "organisation_code": "RXF"},
        {"at": ["roles"], "role": "king", "everywhere": True},
        {"at": ["roles"], "role": "moderator", "everywhere": True, "pattern": "("},
        {"at": ["roles"], "role": "moderator", "everywhere": True, "patern": "x"},
    ],
)
def test_a_rule_that_does_not_say_clearly_where_a_role_holds_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ClaimRule.model_validate(rule)


def test_a_value_must_match_as_a_whole_and_an_organisation_must_look_like_one() -> None:
    rule = ClaimRule(at=("g",), pattern="/(?P<organisation>[^/]*)/lead", role=MemberRole.ADMINISTRATOR)

    for value in ("/RXF/lead/", "x/RXF/lead", "//lead", "/R*F/lead", "/" + "R" * 400 + "/lead"):
        assert grants_from({"g": [value]}, [rule]) == frozenset(), value
    assert grants_from({"g": ["/RXF/lead"]}, [rule]) == {Grant(MemberRole.ADMINISTRATOR, "RXF")}
