"""Claims: what an issuer says of somebody, turned into grants by rules that are settings.

Every issuer names roles in its own way; `deploy/sign-in.md` has the rules for NHS CIS2, Microsoft Entra and Keycloak.
A claim that no rule knows grants nothing.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, field_validator, model_validator

from shared.contracts import Code
from shared.sign_in.principal import Grant, MemberRole

Path = tuple[str, ...]
"""Names from the outside in; lists on the way are walked through."""
LONGEST = 300
"""No role's name is longer; what is, is not read."""
CODE: TypeAdapter[str] = TypeAdapter(Code)


class ClaimRule(BaseModel):
    """One way in which a claim grants a role, and where the organisation's code is found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: Path
    """Where the values are, or the objects that hold them."""
    chosen_by: Mapping[str, Path] = {}
    """Only objects whose field is there and equals that other claim: CIS2's selected role."""
    value: Path = ()
    """Where in the object the value is; empty where it is the value itself."""
    pattern: str = ".+"
    """The whole value must match; its groups `organisation` and `team` may name where the role holds."""
    role: MemberRole
    organisation_beside: Path = ()
    """The organisation's code in the same object."""
    organisation_claim: Path = ()
    """The organisation's code in another claim."""
    organisation_code: str | None = None
    """The organisation's code itself."""
    organisations: Mapping[str, str] = {}
    """Our codes for the issuer's; with it, a code that is not in it grants nothing."""
    everywhere: bool = False
    """The role holds everywhere: said on purpose, never because a code is missing."""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return pattern

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        named = "organisation" in re.compile(self.pattern).groupindex
        ways = (named, self.organisation_beside, self.organisation_claim, self.organisation_code, self.everywhere)
        if sum(map(bool, ways)) != 1:
            raise ValueError("say in one way where the role holds: by a group, a path, a code, or everywhere")
        return self


def grants_from(claims: Mapping[str, Any], rules: Sequence[ClaimRule]) -> frozenset[Grant]:
    """What these claims grant."""
    return frozenset(grant for rule in rules for grant in _of_rule(claims, rule))


def text_at(claims: Mapping[str, Any], name: str) -> str | None:
    """The claim of this name, if it is a text."""
    value = claims.get(name)
    return value if isinstance(value, str) and value else None


def _of_rule(claims: Mapping[str, Any], rule: ClaimRule) -> Iterable[Grant]:
    for thing in _walk(claims, rule.at):
        if not all(_same(_first(thing, (field,)), _first(claims, path)) for field, path in rule.chosen_by.items()):
            continue
        for value in _walk(thing, rule.value):
            found = re.fullmatch(rule.pattern, value) if isinstance(value, str) and len(value) <= LONGEST else None
            if found:
                yield from _granted(claims, rule, thing, found.groupdict())


def _same(one: Any, other: Any) -> bool:
    return one is not None and one == other


def _granted(
    claims: Mapping[str, Any], rule: ClaimRule, thing: Any, groups: Mapping[str, str | None]
) -> Iterable[Grant]:
    if rule.everywhere:
        yield Grant(rule.role)
        return
    said = (
        groups.get("organisation")
        or rule.organisation_code
        or _first(thing, rule.organisation_beside)
        or _first(claims, rule.organisation_claim)
    )
    code = _code(rule.organisations.get(str(said)) if rule.organisations else said)
    team = groups.get("team")
    if code and (team is None or _code(team)):
        yield Grant(rule.role, code, team)


def _code(value: Any) -> str | None:
    try:
        return CODE.validate_python(value)
    except ValidationError:
        return None


def _first(value: Any, path: Path) -> Any:
    """The first thing there; None where the path is empty or leads nowhere."""
    return next(iter(_walk(value, path)), None) if path else None


def _walk(value: Any, path: Path) -> Iterable[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _walk(one, path)
    elif not path:
        yield value
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _walk(value[path[0]], path[1:])
