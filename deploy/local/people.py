"""People: who can sign in on this machine. Invented, each with the roles that the local issuer says they have."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from shared.sign_in.principal import MemberRole

CLAIM = "storyloop"
"""The local issuer's claim: `responder@RZX`, `responder@RZX/PX-FERN`, or `moderator@*` for everywhere."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to sign in as; `key` is also how a program asks for their token."""

    key: str
    name: str
    about: str
    roles: tuple[str, ...]


PEOPLE = (
    Person("maya", "Maya Okafor", "Ward manager, responder for Fern Ward", ("responder@RZX/PX-FERN",)),
    Person("tom", "Tom Hartley", "Patient experience, responder for Pellbrook Hospitals", ("responder@RZX",)),
    Person(
        "asha", "Asha Rahman", "Patient experience lead, administrator of Pellbrook Hospitals", ("administrator@RZX",)
    ),
    Person("ines", "Ines Moreau", "Responder for Tarnhollow Mental Health", ("responder@RZW",)),
    Person("lewis", "Lewis Grant", "Reads stories at Pellbrook Hospitals", ("subscriber@RZX",)),
    Person("ruth", "Ruth Adeyemi", "Moderator", ("moderator@*",)),
    Person("owen", "Owen Price", "Senior moderator", ("senior_moderator@*",)),
    Person("carys", "Carys Bevan", "Commissioner for Pellbrook and Quillford", ("listener@QZ1",)),
    Person("idris", "Idris Cole", "Auditor", ("auditor@*",)),
    Person("nobody", "Noor Haddad", "Signed in, but without any role", ()),
)
EVERYBODY = Person(
    "everybody", "All roles", "For programs: every role, everywhere", tuple(f"{r}@*" for r in MemberRole)
)


def claim_rules() -> Sequence[dict[str, object]]:
    """How a service reads the claim: the setting `STORYLOOP_CLAIMS`."""
    rules: list[dict[str, object]] = []
    for role in MemberRole:
        where = rf"{role}@(?P<organisation>[^/*]+)(/(?P<team>.+))?"
        rules.append({"at": [CLAIM], "pattern": where, "role": role})
        rules.append({"at": [CLAIM], "pattern": rf"{role}@\*", "role": role, "everywhere": True})
    return rules


def claim_setting() -> str:
    """The same, as the environment has it."""
    return json.dumps(claim_rules())
