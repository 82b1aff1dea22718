"""Script: what moderators, staff, authors and publishers do with a story, each through the API that is theirs."""

from datetime import UTC, datetime, timedelta
from functools import singledispatch
from typing import Any

from deploy.local.demo import publishing
from deploy.local.demo.apis import Refused
from deploy.local.demo.journey import Journey, World
from deploy.local.demo.samples import (
    Approve,
    Decline,
    Erase,
    Hear,
    Judge,
    Make,
    OfferAgain,
    Reject,
    Reply,
    Step,
    Withdraw,
)
from deploy.local.demo.waiting import until
from deploy.local.system import SERVICES


async def follow(journey: Journey, world: World) -> None:
    """The sample's steps, one after the other."""
    for step in journey.sample.script:
        await act(step, journey, world)


@singledispatch
async def act(step: Step, journey: Journey, world: World) -> None:
    """One step: waits until it can be done, and does it."""
    raise NotImplementedError(step.do)


# --- moderators -------------------------------------------------------------------------------------


@act.register
async def _(step: Approve, journey: Journey, world: World) -> None:
    await _moderate(journey, world, "approval", {"criticality": step.criticality})


@act.register
async def _(step: Reject, journey: Journey, world: World) -> None:
    await _moderate(journey, world, "rejection", {"reason": step.reason})


async def _moderate(journey: Journey, world: World, decision: str, body: dict[str, Any]) -> None:
    async def waits() -> bool:
        waiting = await world.apis.get("intake", "/moderation/stories", limit=200)
        return any(one["story"] == str(journey.id) for one in waiting)

    await until(waits, "a moderator's list to show it")
    await world.apis.post("intake", f"/moderation/stories/{journey.id}/{decision}", body)


# --- staff ------------------------------------------------------------------------------------------


@act.register
async def _(step: Hear, journey: Journey, world: World) -> None:
    await _in_inbox(step.team, journey, world)
    await world.apis.get("responder", f"/teams/{step.team}/stories/{journey.id}")
    await world.apis.post("responder", f"/teams/{step.team}/stories/{journey.id}/heard", {"role": step.role})


@act.register
async def _(step: Reply, journey: Journey, world: World) -> None:
    await _in_inbox(step.team, journey, world)
    body = step.model_dump(mode="json", exclude={"do", "team", "due_in_days"})
    if step.due_in_days is not None:
        body["due"] = (datetime.now(UTC).date() + timedelta(days=step.due_in_days)).isoformat()
    once = {"Idempotency-Key": f"demo:{journey.id}:{step.team}"}
    await world.apis.post("responder", f"/teams/{step.team}/stories/{journey.id}/replies", body, headers=once)


@act.register
async def _(step: Decline, journey: Journey, world: World) -> None:
    await _in_inbox(step.team, journey, world)
    path = f"/teams/{step.team}/stories/{journey.id}/declines"
    await world.apis.post("responder", path, {"suggestion": step.suggestion})
    journey.notes.append(f"{step.team} said “not ours” and suggested {step.suggestion}")


@act.register
async def _(step: Make, journey: Journey, world: World) -> None:
    async def planned() -> dict[str, Any] | None:
        timeline = await world.apis.timeline(journey.id)
        return next((one for one in (timeline or {}).get("changes", []) if one["state"] == "planned"), None)

    change = await until(planned, "a planned change at tracker")
    await world.apis.post("tracker", f"/stories/{journey.id}/changes/{change['change']}/made", {"what": step.what})


async def _in_inbox(team: str, journey: Journey, world: World) -> None:
    async def is_there() -> bool:
        inbox = await world.apis.get("responder", f"/teams/{team}/stories", limit=200)
        return any(entry["story"] == str(journey.id) for entry in inbox)

    await until(is_there, f"the inbox of {team} to show it")


# --- authors ----------------------------------------------------------------------------------------


@act.register
async def _(step: Judge, journey: Journey, world: World) -> None:
    async def change() -> str | None:
        mine = await world.apis.my_story(journey.link or "")
        shown = (line["detail"]["change"] for line in mine["progress"] if line["kind"].startswith("change."))
        return next(shown, None)

    judged = {"change": await until(change, "the author's page to show a change"), "verdict": step.verdict}
    await world.apis.post("intake", "/my-story/verdicts", judged, as_=journey.link)


@act.register
async def _(_step: Withdraw, journey: Journey, world: World) -> None:
    async def is_hidden() -> bool:
        return await world.apis.get("responder", path) is None

    await journey.look(world.apis)
    path = f"/teams/{journey.sample.expected.teams[0]}/stories/{journey.id}"
    await world.apis.post("intake", "/my-story/withdrawal", as_=journey.link)
    await until(is_hidden, "staff not to be shown it any more")
    journey.notes.append("withdrawn by its author: staff are not shown it any more")


@act.register
async def _(_step: Erase, journey: Journey, world: World) -> None:
    async def receipt() -> dict[str, str] | None:
        mine = await world.apis.my_story(journey.link or "")
        times = {one["service"]: one["erased_at"][11:23] for one in mine["erased"]}
        return times if times.keys() >= set(SERVICES) else None

    await until(lambda: _is_complete(journey, world), "tracker to show all that happened before")
    await world.apis.delete("intake", "/my-story", as_=journey.link or "")
    times = await until(receipt, "the receipt of all four services")
    journey.notes.append("receipt: erased at " + ", ".join(f"{name} {at}" for name, at in sorted(times.items())))


async def _is_complete(journey: Journey, world: World) -> bool:
    """Facts of different services come in any order: none of them may still be on its way."""
    await journey.look(world.apis)
    if journey.timeline is None or not journey.timeline["changes"]:
        return False
    return {entry["kind"] for entry in journey.timeline["entries"]} >= ALL_ROUND


ALL_ROUND = {"story.received", "story.published", "story.routed", "story.heard", "reply.published"}


# --- publishers -------------------------------------------------------------------------------------


@act.register
async def _(_step: OfferAgain, journey: Journey, world: World) -> None:
    if journey.offer is None:
        raise TypeError("only a publisher's story can be offered again")
    await publishing.on_topic(world.producer, journey.offer, journey.sample.way)
    receipt = await world.receipts.expect(journey.offer.id, number=2)
    if receipt["outcome"] != "repeated":
        raise Refused(f"the second receipt says {receipt['outcome']}")
    journey.notes.append("offered a second time; receipt: repeated")
