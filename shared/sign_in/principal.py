"""Who somebody is to us: an opaque subject, and the roles that were granted, each with where it holds."""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum


class MemberRole(StrEnum):
    """What somebody may be; within an organisation each of the first three may also do what those before it may."""

    SUBSCRIBER = "subscriber"
    """Reads the inbox, and has alerts of their own."""
    RESPONDER = "responder"
    """Also replies, and says what changes."""
    ADMINISTRATOR = "administrator"
    """Also keeps members, others' alerts, and the organisation's own pages."""
    LISTENER = "listener"
    """A commissioner, regulator or Healthwatch: reads; its replies never count as the provider's."""
    MODERATOR = "moderator"
    SENIOR_MODERATOR = "senior_moderator"
    SAFEGUARDING = "safeguarding"
    INFORMATION_GOVERNANCE = "information_governance"
    AUDITOR = "auditor"
    """Reads who did what; changes nothing."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One role, and where it holds: everywhere, in an organisation with all below it, or in one of its teams."""

    role: MemberRole
    organisation: str | None = None
    team: str | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who has signed in, or a program that has shown a token."""

    subject: str
    """Opaque, the same in all services: a keyed hash of issuer and person."""
    grants: frozenset[Grant] = field(default_factory=frozenset)

    @property
    def organisations(self) -> frozenset[str]:
        """Where they work, or whom they speak for."""
        return frozenset(grant.organisation for grant in self.grants if grant.organisation)

    def has(self, *roles: MemberRole, within: Collection[str] = (), team: str | None = None) -> bool:
        """Holds one of these roles, everywhere or in one of these organisations; a team's grant holds in that team."""
        return any(
            grant.role in roles
            and (grant.organisation is None or grant.organisation in within)
            and (grant.team is None or grant.team == team)
            for grant in self.grants
        )
