"""What people do: publishers, authors, moderators, staff; each rule tells the model what must have come of it."""

from typing import Any
from uuid import UUID

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from shared.events import Claim, StoryOffered, StoryRecalled, Verdict
from shared.ids import story_of
from tests.factories import what_was_told
from tests.model import directory
from tests.model.expected import Change, Expected, Story, change_of
from tests.model.runner import Loop
from tests.model.world import PUBLISHERS, Killed, World
from tests.service import STAFF, fetch, submitted

PICKS = st.integers(0, 59)
FAULTS = st.sampled_from(["", "", "", "dies", "answer lost"])
DIES = st.sampled_from([False, False, False, True])
SOURCE = "/surveys/wards"


class People(RuleBasedStateMachine):
    """The rules of those outside; the machine adds those of the system itself."""

    def __init__(self, world: World, loop: Loop) -> None:
        super().__init__()
        self.world, self.run = world, loop.run
        self.expected = Expected()
        self.asked = 0

    def flow(self, rounds: int) -> None:
        """All is well for a while."""
        raise NotImplementedError

    @rule(tree=directory.TREES, dies=DIES)
    def subscribe(self, tree: directory.Tree, dies: bool) -> None:
        """A directory is loaded; if the program dies, somebody loads it again."""
        router = self.world.databases["router"]
        router.dies = dies
        try:
            self.run(directory.load(router, tree))
        except Killed:
            self.run(directory.load(router, tree))
        if tree != self.expected.trees[self.expected.version]:
            self.expected.trees[self.expected.version + 1] = tree

    @rule(services=directory.SOME_SERVICES, email=st.booleans(), fault=FAULTS)
    def offer(self, services: list[str], email: bool, fault: str) -> None:
        """A person tells a story on the page."""
        key = f"key-{len(self.expected.stories)}-{self.asked}"
        wishes = ["show_to_staff", "publish", *(["write_to_me"] if email else [])]
        text = f"canary-{key} waited in the corridor."
        body = what_was_told(services=services, text=text, consent=wishes, email="robin@example.org" if email else None)
        answer = self._ask("intake", "POST", "/stories", fault, json=body, headers={"Idempotency-Key": key})
        story = UUID(answer.json()["story"])
        assert story == story_of("web", key)
        link = {"Authorization": f"Bearer {answer.json()['link']}"}
        self.expected.stories[story] = Story(tuple(services), text, email=email, link=link)

    @rule(
        publisher=st.sampled_from(PUBLISHERS),
        reference=st.sampled_from("abcd"),
        event=st.sampled_from("12"),
        services=st.sampled_from([["W1"], ["W1"], ["W2", "C1"]]),
    )
    def submit(self, publisher: str, reference: str, event: str, services: list[str]) -> None:
        """A publisher offers a story: perhaps again, perhaps under a used reference or event id."""
        told = what_was_told(services=services, text=f"canary-{publisher}-{reference} was sent home.")
        self._say(StoryOffered.model_validate(told), publisher, reference, f"{reference}-{event}")

    @rule(publisher=st.sampled_from(PUBLISHERS), reference=st.sampled_from("abcd"))
    def recall(self, publisher: str, reference: str) -> None:
        """A publisher takes a story back, perhaps before it was offered."""
        self._say(StoryRecalled(), publisher, reference, f"{reference}-back")

    def _say(self, event: Any, publisher: str, reference: str, id_: str) -> None:
        record = submitted(event, publisher, reference=reference, id_=id_, source=SOURCE)
        self.world.log.append(record.topic, record.value, record.key or b"", record.headers)

    @rule(pick=PICKS, fault=st.sampled_from(["", "dies"]))
    def approve(self, pick: int, fault: str) -> None:
        """A moderator lets a story out, if it still waits."""
        if not self.expected.stories:
            return
        story, known = self._pick(self.expected.stories, pick)
        waits = known.state == "waiting"
        path = f"/moderation/stories/{story}/approval"
        self._ask("intake", "POST", path, fault, json={}, headers=STAFF, status=200 if waits else 409)
        if waits:
            self.expected.publish(story)

    @rule(pick=PICKS, fault=FAULTS)
    def withdraw(self, pick: int, fault: str) -> None:
        """An author takes a story back."""
        if theirs := {id_: one for id_, one in self.expected.stories.items() if one.link}:
            story, known = self._pick(theirs, pick)
            self._ask("intake", "POST", "/my-story/withdrawal", fault, headers=known.link)
            self.expected.withdraw(story)

    @rule(pick=PICKS, fault=FAULTS)
    def erase(self, pick: int, fault: str) -> None:
        """An author has a story deleted."""
        if theirs := {id_: one for id_, one in self.expected.stories.items() if one.link}:
            story, known = self._pick(theirs, pick)
            self._ask("intake", "DELETE", "/my-story", fault, headers=known.link)
            self.expected.erase(story)

    @rule(pick=PICKS, fault=FAULTS)
    def open_story(self, pick: int, fault: str) -> None:
        """Somebody of a team opens a story."""
        if case := self._case(pick):
            self._answer(case, "heard", fault, role="Ward manager")
            self.expected.stories[case[0]].heard.add(case[1])

    @rule(pick=PICKS, claim=st.sampled_from(["none", "planned", "made"]), fault=FAULTS)
    def reply(self, pick: int, claim: str, fault: str) -> None:
        """A team answers, and perhaps claims a change."""
        if case := self._case(pick):
            story = self.expected.stories[case[0]]
            text = f"{story.text} We are sorry."
            why = None if claim == Claim.NONE else f"{story.text} A sign shows the time."
            said = {"text": text, "signed_name": "Robin", "signed_role": "Nurse", "claim": claim, "explanation": why}
            answer = self._answer(case, "replies", fault, status=201, **said)
            story.replies[UUID(answer.json()["id"])] = (case[1], claim)
            story.heard.add(case[1])

    @rule(pick=PICKS, suggestion=st.sampled_from([None, "C1", "W2", "LONE"]), fault=st.sampled_from(["", "dies"]))
    def decline(self, pick: int, suggestion: str | None, fault: str) -> None:
        """A team says *not ours*."""
        if case := self._case(pick):
            self._answer(case, "declines", fault, suggestion=suggestion)
            self.expected.stories[case[0]].declined.add(case[1])

    @rule(pick=PICKS, fault=FAULTS)
    def make_change(self, pick: int, fault: str) -> None:
        """Staff report a planned change as made."""
        reachable = self._changes({"planned", "disputed"})
        if reachable:
            reply, change = self._pick(reachable, pick)
            path = f"/stories/{change.story}/changes/{change_of(reply)}/made"
            what = f"{self.expected.stories[change.story].text} It is there."
            headers = STAFF | self._key()
            self._ask("tracker", "POST", path, fault, json={"what": what}, headers=headers)
            change.make()

    @rule(pick=PICKS, verdict=st.sampled_from([Verdict.YES, Verdict.PARTLY, Verdict.NO]))
    def give_verdict(self, pick: int, verdict: Verdict) -> None:
        """An author judges a change that their page shows; if there is none, a team makes one first."""
        shown = self._shown()
        if not shown:
            self.reply(pick, "planned" if pick % 2 else "made", "")
            self.flow(2)
            shown = self._shown()
        if shown:
            reply, change = self._pick(shown, pick)
            story = self.expected.stories[change.story]
            body = {"change": str(change_of(reply)), "verdict": verdict}
            self._ask("intake", "POST", "/my-story/verdicts", "", json=body, headers=story.link)
            story.verdicts.append(change_of(reply))

    # --- how people reach the services --------------------------------------------------------------

    def _ask(
        self, service: str, method: str, path: str, fault: str, status: int | None = None, **what: Any
    ) -> httpx.Response:
        """One request, tried again as a client would after a death or a lost answer."""
        pages = self.world.pages[service]
        self.world.databases[service].dies = fault == "dies"
        answer = self.run(pages.request(method, path, **what))
        if fault == "dies" and (status is None or status < 400):
            assert (answer.status_code, answer.headers.get("retry-after")) == (503, "2"), answer.text
            answer = self.run(pages.request(method, path, **what))
            self.world.tally["asked again"] += 1
        if fault == "answer lost":
            first, answer = answer, self.run(pages.request(method, path, **what))
            assert (answer.status_code, answer.content) == (first.status_code, first.content)
        self.world.databases[service].dies = False
        assert answer.status_code in ({200, 201} if status is None else {status}), answer.text
        return answer

    def _answer(self, case: tuple[UUID, str], what: str, fault: str, status: int = 200, **said: Any) -> httpx.Response:
        story, team = case
        path, headers = f"/teams/{team}/stories/{story}/{what}", STAFF | self._key()
        return self._ask("responder", "POST", path, fault, status=status, json=said, headers=headers)

    def _key(self) -> dict[str, str]:
        self.asked += 1
        return {"Idempotency-Key": f"ask-{self.asked}"}

    def _case(self, pick: int) -> tuple[UUID, str] | None:
        """One of the cases that a team may act on now."""
        rows = self.run(
            fetch(
                self.world.databases["responder"],
                "SELECT story, team FROM responder.team_case"
                " WHERE opened_at IS NOT NULL AND closed_at IS NULL AND declined_at IS NULL ORDER BY story, team",
            )
        )
        return (rows[pick % len(rows)]["story"], rows[pick % len(rows)]["team"]) if rows else None

    def _changes(self, states: set[str]) -> dict[UUID, Change]:
        known = self.expected.changes.items()
        return {id_: one for id_, one in known if one.state in states and one.story not in self.expected.forgotten}

    def _shown(self) -> dict[UUID, Change]:
        known = self._changes({"planned", "made", "confirmed", "disputed"}).items()
        return {id_: one for id_, one in known if self.run(self._is_shown(one.story, change_of(id_)))}

    async def _is_shown(self, story: UUID, change: UUID) -> bool:
        known = self.expected.stories[story]
        if not known.link or known.erased:
            return False
        answer = await self.world.pages["intake"].get("/my-story", headers=known.link)
        return any(line["detail"].get("change") == str(change) for line in answer.json()["progress"])

    @staticmethod
    def _pick(things: Any, pick: int) -> Any:
        return sorted(things.items(), key=lambda item: str(item[0]))[pick % len(things)]
