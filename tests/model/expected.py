"""What must be true, as dicts: moved on by what the driver did and by what each service has committed, in order."""

from collections import defaultdict
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from shared.contracts import Event
from shared.events import (
    Claim,
    ReplyPublished,
    RouteDeclined,
    StoryErased,
    StoryOffered,
    StoryPublished,
    StoryRecalled,
    StoryWithdrawn,
    Verdict,
    VerdictGiven,
)
from shared.hearing import Arrival
from shared.ids import story_of
from tests.model.matcher import Tree, teams_for

Line = tuple[str, str]
Number = tuple[int, int]


@dataclass
class Story:
    """One accepted story as intake must hold it, and what people did about it."""

    services: tuple[str, ...]
    text: str
    state: str = "waiting"
    revision: int = 0
    erased: bool = False
    email: bool = False
    link: dict[str, str] = field(default_factory=dict)
    heard: set[str] = field(default_factory=set)
    declined: set[str] = field(default_factory=set)
    replies: dict[UUID, tuple[str, str]] = field(default_factory=dict)
    """Reply -> (team, claim)."""
    verdicts: list[UUID] = field(default_factory=list)


@dataclass
class Routes:
    """One story as router must hold it: team -> (rule, subscription, version of the directory)."""

    state: tuple[Number, str] = ((0, 0), "unknown")
    teams: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    told: list[list[str]] = field(default_factory=list)
    """The teams of each announcement."""
    declined: set[str] = field(default_factory=set)
    unheard: bool = False
    said_unheard: bool = False
    erased: bool = False


@dataclass
class Change:
    """One change as tracker must hold it."""

    story: UUID
    state: str
    made: bool = False
    """A plan can be disputed; only what was made is confirmed."""
    judged: Number = (0, 0)
    said: list[str] = field(default_factory=list)
    """Every state that it was announced to be in, in order."""

    def make(self) -> None:
        """Staff report it as made."""
        self.made = True
        self.move("made")

    def move(self, state: str) -> None:
        """Comes into a state, and that is said."""
        if state != self.state:
            self.state = state
            self.said.append(state)


@dataclass
class Expected:
    """The model of the whole system."""

    stories: dict[UUID, Story] = field(default_factory=dict)
    bodies: dict[UUID, str] = field(default_factory=dict)
    """Story -> what its offer said."""
    recalled: set[UUID] = field(default_factory=set)
    submissions: dict[tuple[str, str], str] = field(default_factory=dict)
    """(publisher, event id) -> what it said."""
    fates: dict[tuple[str, int, int], str] = field(default_factory=dict)
    """Where a submission lay -> what became of it, when it was taken last."""
    trees: dict[int, Tree] = field(default_factory=lambda: {0: Tree({}, ())})
    routes: dict[UUID, Routes] = field(default_factory=lambda: defaultdict(Routes))
    changes: dict[UUID, Change] = field(default_factory=dict)
    forgotten: set[UUID] = field(default_factory=set)
    """Stories that tracker has heard to be erased."""

    @property
    def version(self) -> int:
        """The newest version of the directory."""
        return max(self.trees)

    def take(self, service: str, arrivals: list[Arrival]) -> None:
        """Moves on by what a service has handled and committed."""
        for arrival in arrivals:
            if service == "intake" and "submissions." in arrival.record.topic:
                self.offered(arrival)
            for event in arrival.events if arrival.outcome == "handled" else ():
                self._moves(service, event)

    def _moves(self, service: str, event: Event) -> None:
        if service == "router":
            self._routed(event)
        elif service == "tracker":
            self._tracked(event)

    # --- intake -----------------------------------------------------------------------------------

    def offered(self, arrival: Arrival) -> None:
        """A publisher's submission was taken: accepted, repeated, or refused."""
        if arrival.outcome == "parked" and arrival.reason == "handler_failed":
            return
        record = arrival.record
        publisher, envelope = record.topic.rpartition(".")[2], arrival.envelope
        assert envelope is not None
        story, body = story_of(publisher, envelope.subject), (record.value or b"").decode()
        about = f"{envelope.subject}\n{body}"
        key, fate = (publisher, envelope.id), "refused"
        if self.submissions.get(key, about) == about:
            fate = self._recall(story, key) if envelope.type == StoryRecalled.type else self._offer(story, body)
        if fate != "refused":
            self.submissions[key] = about
        if fate == "accepted" and envelope.type == StoryOffered.type:
            self._accept(story, body, publisher == "trusted")
        self.fates[record.topic, record.partition, record.offset] = fate

    def _offer(self, story: UUID, body: str) -> str:
        if story in self.stories:
            return "repeated" if self.bodies[story] == body else "refused"
        return "refused" if story in self.recalled else "accepted"

    def _recall(self, story: UUID, key: tuple[str, str]) -> str:
        self.recalled.add(story)
        self.withdraw(story)
        return "repeated" if key in self.submissions else "accepted"

    def _accept(self, story: UUID, body: str, trusted: bool) -> None:
        told = StoryOffered.model_validate_json(body)
        self.bodies[story] = body
        self.stories[story] = Story(told.services, told.text)
        if trusted:
            self.publish(story)

    def publish(self, story: UUID) -> None:
        """A moderator, or a trusted publisher, lets it out."""
        self.stories[story].state, self.stories[story].revision = "published", 1

    def withdraw(self, story: UUID) -> None:
        """The author or the publisher takes it back."""
        if story in self.stories:
            self.stories[story].state = "withdrawn"

    def erase(self, story: UUID) -> None:
        """The author has it deleted."""
        self.withdraw(story)
        self.stories[story].erased = True

    # --- router -----------------------------------------------------------------------------------

    def _routed(self, event: Event) -> None:
        match event:
            case StoryPublished():
                self._route(self.routes[event.story], event)
            case StoryWithdrawn():
                known = self.routes[event.story]
                known.state = max(known.state, (event.envelope.number, "withdrawn"))
            case RouteDeclined():
                self._decline(self.routes[event.story], event)
            case StoryErased():
                self.routes[event.story] = Routes(erased=True)

    def _route(self, known: Routes, event: StoryPublished) -> None:
        if known.erased or event.envelope.number <= known.state[0]:
            return
        known.state = (event.envelope.number, "published")
        known.unheard = known.said_unheard = not teams_for(event.services, self.trees[self.version])
        self._add(known, event.services)

    def _decline(self, known: Routes, event: RouteDeclined) -> None:
        if event.team in known.teams:
            known.declined.add(event.team)
        if event.suggestion and known.state[1] == "published":
            self._add(known, [event.suggestion])

    def _add(self, known: Routes, services: "tuple[str, ...] | list[str]") -> None:
        found = teams_for(services, self.trees[self.version])
        new = {team: (*how, self.version) for team, how in found.items() if team not in known.teams}
        known.teams |= new
        known.told += [sorted(new)] if new else []
        known.unheard = known.unheard and not new

    # --- tracker ----------------------------------------------------------------------------------

    def _tracked(self, event: Event) -> None:
        match event:
            case VerdictGiven() if event.story not in self.forgotten:
                self._judge(event)
            case ReplyPublished() if event.claim is not Claim.NONE and event.reply not in self.changes:
                self._claim(event)
            case StoryErased():
                self.forgotten.add(event.story)

    def _claim(self, event: ReplyPublished) -> None:
        if event.story not in self.forgotten:
            self.changes[event.reply] = change = Change(event.story, "", event.claim is Claim.MADE)
            change.move(str(event.claim))

    def _judge(self, event: VerdictGiven) -> None:
        change = self.change_called(event.change)
        assert change is not None  # the author's page showed it, so tracker has had it
        if event.envelope.number <= change.judged:
            return
        change.judged = event.envelope.number
        if event.verdict is Verdict.NO:
            change.move("disputed")
        elif change.made:
            change.move("confirmed")
        elif change.state == "disputed":
            change.move("planned")

    def change_called(self, id_: UUID) -> Change | None:
        """A change by the id that tracker gave it."""
        return next((change for reply, change in self.changes.items() if change_of(reply) == id_), None)


def change_of(reply: UUID) -> UUID:
    """The id that tracker gives to the change that a reply claims; written down here a second time on purpose."""
    return uuid5(UUID("b8f0d9a1-6c3d-4f38-9d52-0f4de8c0a933"), str(reply))
