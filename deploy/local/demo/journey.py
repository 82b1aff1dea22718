"""Journey: one sample story on its way, from the moment it was shared to the state that it should reach."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaProducer
from httpx import HTTPError

from deploy.local.demo import publishing
from deploy.local.demo.apis import Apis, Refused
from deploy.local.demo.outcome import state_of, teams_of
from deploy.local.demo.publishing import Offer
from deploy.local.demo.receipts import Receipts
from deploy.local.demo.samples import State, Story, Way
from deploy.local.demo.waiting import TookTooLong, until


@dataclass(frozen=True)
class World:
    """What the demo's people have in their hands."""

    apis: Apis
    producer: AIOKafkaProducer
    receipts: Receipts


@dataclass
class Journey:
    """`timeline` is the last one that tracker showed: an erased story has none any more."""

    sample: Story
    offer: Offer | None = None
    story: UUID | None = None
    link: str | None = field(default=None, repr=False)
    timeline: dict[str, Any] | None = None
    mine: dict[str, Any] | None = None
    reached: State | None = None
    reason: str | None = None
    notes: list[str] = field(default_factory=list)
    trouble: str | None = None
    ended: bool = False

    @property
    def id(self) -> UUID:
        """The story's id; known once its receipt is there."""
        if self.story is None:
            raise Refused("the story was not accepted")
        return self.story

    @property
    def right(self) -> bool:
        """It is where its sample says that it should be."""
        return self.ended and self.trouble is None

    async def look(self, apis: Apis) -> None:
        """Takes in what tracker, and for authors with a link intake, say now."""
        timeline = await apis.timeline(self.id)
        self.timeline = timeline or self.timeline
        self.mine = await apis.my_story(self.link) if self.link else None
        self.reached = state_of(timeline, self.mine)


# --- sharing ----------------------------------------------------------------------------------------


async def share(samples: Sequence[Story], world: World) -> list[Journey]:
    """Everything comes in at once, each story on its own way."""
    journeys = [Journey(sample) for sample in samples]
    batches: dict[str | None, list[Journey]] = {}
    for journey in journeys:
        if journey.sample.way is Way.HTTP_BATCH:
            batches.setdefault(journey.sample.publisher, []).append(journey)
    alone = [journey for journey in journeys if journey.sample.way is not Way.HTTP_BATCH]
    await asyncio.gather(
        *(_share(journey, world) for journey in alone), *(_post(batch, world) for batch in batches.values())
    )
    return journeys


async def _share(journey: Journey, world: World) -> None:
    way = journey.sample.way
    if way is Way.WEB:
        shared = await world.apis.post("intake", "/stories", journey.sample.told)
        journey.story, journey.link = UUID(shared["story"]), shared["link"]
    elif way is Way.HTTP_EVENT:
        await _post([journey], world)
    else:
        journey.offer = publishing.story_offer(journey.sample)
        await publishing.on_topic(world.producer, journey.offer, way)


async def _post(journeys: Sequence[Journey], world: World) -> None:
    offers = [publishing.story_offer(journey.sample) for journey in journeys]
    answers = await publishing.by_http(world.apis, offers, journeys[0].sample.way)
    for journey, (offer, answer) in zip(journeys, answers, strict=True):
        journey.offer, journey.story = offer, UUID(answer["subject_id"])


# --- going round ------------------------------------------------------------------------------------

Script = Callable[[Journey, World], Awaitable[None]]


async def go(journey: Journey, world: World, follow_script: Script) -> None:
    """Its receipt, then its script, then the state that it should reach; what goes wrong is kept, not raised."""
    try:
        if journey.offer is None or await _is_accepted(journey, world):
            await follow_script(journey, world)
            await _settle(journey, world)
    except (TookTooLong, Refused, HTTPError) as trouble:
        journey.trouble = f"{trouble}" or type(trouble).__name__
    if journey.trouble is None:
        journey.trouble = _difference(journey)
    journey.ended = True


async def _is_accepted(journey: Journey, world: World) -> bool:
    offer = journey.offer
    receipt = await world.receipts.expect(offer.id if offer else "")
    if receipt["outcome"] == "refused":
        journey.reached, journey.reason = State.REFUSED, receipt["reason"]
        faults = "; ".join(f"{fault['field']}: {fault['problem']}" for fault in receipt["errors"])
        journey.notes.append(f"receipt: refused, {receipt['reason']} ({faults})")
        return False
    journey.story = UUID(receipt["subject_id"])
    return True


async def _settle(journey: Journey, world: World) -> None:
    async def is_there() -> bool:
        await journey.look(world.apis)
        return _difference(journey) is None

    with suppress(TookTooLong):  # the difference says more
        await until(is_there, f"{journey.sample.expected.state}")
    if journey.reached is State.UNHEARD:
        journey.notes.append("nobody is signed up for " + ", ".join(journey.sample.told["services"]))


def _difference(journey: Journey) -> str | None:
    expected = journey.sample.expected
    if (journey.reached, journey.reason) != (expected.state, expected.reason):
        return f"it is {journey.reached or 'nowhere'} ({journey.reason or 'no reason'}), expected {expected.state}"
    teams = teams_of(journey.timeline)
    if journey.reached is not State.ERASED and teams != sorted(expected.teams):
        return f"it was sent to {teams}, expected {sorted(expected.teams)}"
    return None
