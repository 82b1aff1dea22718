"""Authors, moderators and staff: they share, approve, hear, reply, decline, judge, withdraw and erase."""

from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

from tests.chaos import words
from tests.chaos.asking import Asking
from tests.chaos.ledger import Ledger, digest
from tests.chaos.publishers import Publishers

TEAMS = ("EAST", "TRUST")


@dataclass
class Author:
    """Somebody who shared a story and holds its private link."""

    story: UUID
    link: dict[str, str]


@dataclass
class People:
    """Everybody who uses the pages' APIs."""

    ledger: Ledger
    asking: Asking
    rng: Random
    publishers: Publishers
    authors: list[Author] = field(default_factory=list)
    count: int = 0

    def _key(self, kind: str) -> str:
        self.count += 1
        return f"{kind}-{self.count}"

    async def share(self) -> None:
        """A person tells a story; with the same key it is told only once, however often it is asked."""
        key = self._key("share")
        more: dict[str, Any] = {}
        if self.rng.random() < 0.5:
            more = {
                "email": f"{key}@example.org",
                "consent": ["show_to_staff", "publish", "write_to_me"],
            }
        told = words.story(1_000_000 + self.count, self.rng, **more)
        await self.ledger.tried("share", key, sha=digest(told["title"], told["text"]), email=told.get("email"))
        answer = await self.asking.ask("POST", "intake", "/stories", json=told, headers={"Idempotency-Key": key})
        if answer is not None and answer.status_code == 201:
            said = answer.json()
            await self.ledger.told(key, story=said["story"])
            story = UUID(said["story"])
            self.authors.append(Author(story, {"Authorization": f"Bearer {said['link']}"}))
            self.publishers.waiting.append(story)

    async def moderate(self) -> None:
        """A moderator publishes what waits; one in ten is rejected."""
        if not self.publishers.waiting:
            return
        story = self.publishers.waiting.pop(0)
        if self.rng.random() < 0.9:
            done = await self._act("approve", "intake", f"/moderation/stories/{story}/approval", story, {})
            if done:
                self.publishers.offered.append(story)
        else:
            path = f"/moderation/stories/{story}/rejection"
            done = await self._act("reject", "intake", path, story, {"reason": "too_old"})
        if done is None:
            self.publishers.waiting.append(story)

    async def hear(self) -> None:
        """A member of staff opens a story."""
        story, team = self._some_case()
        if story:
            path = f"/teams/{team}/stories/{story}/heard"
            await self._act("hear", "responder", path, story, {"role": "Ward manager"}, team=team)

    async def decline(self) -> None:
        """*Not ours*, with a suggestion that brings the story to another team."""
        story, team = self._some_case()
        if story:
            suggestion = self.rng.choice(("RXX01", "RXX02", None))
            path = f"/teams/{team}/stories/{story}/declines"
            await self._act("decline", "responder", path, story, {"suggestion": suggestion}, team=team)

    async def reply(self) -> None:
        """Staff answer, perhaps with a claim; with the same key they answer only once."""
        story, team = self._some_case()
        if not story:
            return
        key = self._key("reply")
        said = {
            "text": f"Thank you. {key} {self.rng.randbytes(8).hex()}",
            "signed_name": "Asha",
            "signed_role": "Nurse",
        }
        claim = self.rng.choice(("none", "planned", "made"))
        if claim != "none":
            said |= {"claim": claim, "explanation": f"A board that shows the wait. {key}"}
        path = f"/teams/{team}/stories/{story}/replies"
        await self._act("reply", "responder", path, story, said, key=key, team=team, sha=digest(said["text"]))

    async def judge(self) -> None:
        """An author says whether a change is what they meant."""
        if not self.authors:
            return
        author = self.rng.choice(self.authors)
        seen = await self.asking.ask("GET", "intake", "/my-story", headers=author.link)
        lines = seen.json()["progress"] if seen is not None and seen.status_code == 200 else []
        changes = [line["detail"]["change"] for line in lines if line["kind"].startswith("change.")]
        if changes:
            said = {"change": self.rng.choice(changes), "verdict": self.rng.choice(("yes", "partly", "no"))}
            await self._act("verdict", "intake", "/my-story/verdicts", author.story, said, headers=author.link)

    async def withdraw(self) -> None:
        """An author takes a story back."""
        if self.authors:
            author = self.rng.choice(self.authors)
            await self._act("withdraw", "intake", "/my-story/withdrawal", author.story, None, headers=author.link)

    async def erase(self) -> None:
        """An author wants everything deleted."""
        if self.authors:
            author = self.rng.choice(self.authors)
            key = self._key("erase")
            await self.ledger.tried("erase", key, story=author.story)
            answer = await self.asking.ask("DELETE", "intake", "/my-story", headers=author.link)
            if answer is not None and answer.status_code == 200:
                await self.ledger.told(key)

    def _some_case(self) -> tuple[UUID | None, str]:
        known = self.publishers.offered[-200:]
        return (self.rng.choice(known) if known else None), self.rng.choice(TEAMS)

    async def _act(
        self,
        kind: str,
        service: str,
        path: str,
        story: UUID,
        body: Any,
        *,
        key: str = "",
        headers: dict[str, str] | None = None,
        **noted: Any,
    ) -> bool | None:
        """True if it was done, False if it cannot be, None if it cannot be yet or nobody could say."""
        key = key or self._key(kind)
        await self.ledger.tried(kind, key, story=story, **noted)
        sent = {"Idempotency-Key": key} | (headers or {})
        answer = await self.asking.ask("POST", service, path, json=body, headers=sent)
        if answer is None or answer.status_code == 404:
            return None
        if answer.status_code in {200, 201}:
            await self.ledger.told(key, id=answer.json()["id"])
            return True
        return False
