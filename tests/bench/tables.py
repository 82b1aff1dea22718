"""The tables of one contender: emptied before a part of the run, counted while it lasts, and checked at its end."""

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

import asyncpg

from tests.bench.stories import Offered, checksum, expected

EMPTIED = (
    *(f"intake.{table}" for table in ("story", "submission", "progress", "comment", "thread", "outbox", "parked")),
    *(f"router.{table}" for table in ("story", "route", "unheard", "thread", "outbox", "parked")),
    *(f"responder.{table}" for table in ("story", "team_case", "reply", "comment", "timer", "thread", "parked")),
    *(f"tracker.{table}" for table in ("entry", "change", "comment", "thread", "outbox", "parked")),
)
LINES = {
    "intake.story": "story, publisher, reference, state, revision, md5(told ->> 'text')",
    "intake.submission": "publisher, event_id, subject",
    "intake.progress": "story, kind, target",
    "router.story": "story, state",
    "router.route": "story, team, rule, evidence, array_to_string(path, '/')",
    "responder.story": "story, state, md5(published ->> 'text')",
    "responder.team_case": "story, team, evidence, CASE WHEN opened_at IS NULL THEN 'waiting' ELSE 'open' END",
    "responder.timer": "subject, kind, target",
    "tracker.entry": "story, kind, target, coalesce(detail ->> 'evidence', '')",
}
"""What is compared of each row: all but times and numbers."""


class Wrong(AssertionError):
    """Something that was sent is not there, or is there in another shape: the figures mean nothing."""


class Tables:
    """One contender's database, seen by its owner."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", commit_times: bool) -> None:
        self.connection = connection
        self.committed = "pg_xact_commit_timestamp(xmin)" if commit_times else None

    @classmethod
    async def open(cls, dsn: str) -> "Tables":
        """Where the server notes no commit times, the start of the transaction stands for them."""
        connection = await asyncpg.connect(dsn)
        return cls(connection, await connection.fetchval("SHOW track_commit_timestamp") == "on")

    async def empty(self) -> None:
        """Only while nobody works on them."""
        await self.connection.execute(f"TRUNCATE {', '.join(EMPTIED)}")

    async def clock_ahead(self) -> float:
        """Seconds by which the database's clock is ahead of ours."""
        before = time.time()
        theirs = await self.connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
        return float(theirs) - (before + time.time()) / 2

    # --- is it done? -------------------------------------------------------------------------------

    async def wait_for(self, stories: int, within: float) -> None:
        """Until tracker has all lines and responder all cases of so many stories; asked seldom, because it costs."""
        await self._until("responder.team_case", stories, within)
        await self._until("tracker.entry", 3 * stories, within)

    async def wait_for_comments(self, comments: int, within: float) -> None:
        """Until tracker has counted and responder kept so many comments."""
        await self._until("tracker.comment", comments, within)
        await self._until("responder.comment", comments, within)

    async def wait_for_all(self, stories: int, within: float) -> None:
        """Until what nobody waits for is done as well: the author's lines, receipts and all that is to be sent."""
        await self._until("intake.progress", stories, within)
        await self._until("intake.outbox", 0, within)

    async def _until(self, table: str, rows: int, within: float) -> None:
        give_up_at = time.monotonic() + within
        while (there := await self.count(table)) != rows:
            if time.monotonic() > give_up_at:
                raise Wrong(f"{table} holds {there} rows after {within:g} s, and not {rows}")
            await asyncio.sleep(0.3)

    async def count(self, table: str) -> int:
        """How many rows there are."""
        return int(await self.connection.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608 - our own names

    # --- when was it done? -------------------------------------------------------------------------

    async def routed_at(self) -> dict[UUID, float]:
        """When tracker's row of each routed story was committed (Unix seconds)."""
        return await self._times("story", self.committed or "recorded_at", "tracker.entry WHERE kind = 'story.routed'")

    async def cased_at(self) -> dict[UUID, float]:
        """When responder's case of each story was open."""
        return await self._times("story", self.committed or "opened_at", "responder.team_case")

    async def counted_at(self) -> list[float]:
        """When tracker's row of each comment was committed; empty where the server notes no commit times."""
        if self.committed is None:
            return []
        return sorted((await self._times("comment", self.committed, "tracker.comment")).values())

    async def _times(self, key: str, moment: str, rows: str) -> dict[UUID, float]:
        found = await self.connection.fetch(
            f"SELECT {key} AS key, extract(epoch FROM {moment})::float8 AS at FROM {rows}"  # noqa: S608 - our own names
        )
        return {row["key"]: row["at"] for row in found}

    # --- is it right? ------------------------------------------------------------------------------

    async def check(self, sent: Sequence[Offered], comments: Sequence[Offered] = ()) -> None:
        """Every row of every table is the one that was sent, once."""
        wanted = expected(sent)
        wanted["intake.submission"] += [f"surveys|e-{one.reference}|comment/{one.id}" for one in comments]
        for table, lines in wanted.items():
            await self._compare(table, f"concat_ws('|', {LINES[table]})", len(lines), checksum(lines))
        for table in ("intake.comment", "responder.comment", "tracker.comment"):
            await self._compare(table, "comment::text", len(comments), checksum([str(one.id) for one in comments]))
        for schema in ("intake", "router", "responder", "tracker"):
            if parked := await self.count(f"{schema}.parked"):
                raise Wrong(f"{schema} has parked {parked} records")

    async def _compare(self, table: str, line: str, rows: int, sum_: str) -> None:
        there = await self.connection.fetchrow(
            f"""
            SELECT count(*) AS rows, coalesce(md5(string_agg(line, E'\\n' ORDER BY line COLLATE "C")), '') AS sum
              FROM (SELECT {line} AS line FROM {table}) AS found
            """  # noqa: S608 - our own names
        )
        if there is None or (there["rows"], there["sum"]) != (rows, sum_):
            raise Wrong(f"{table} holds {there and there['rows']} rows for {rows}, or others than were sent")
