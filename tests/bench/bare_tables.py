"""Contender c, the tables that all services have: the same statements as in `shared/`, without it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from aiokafka import TopicPartition
from uuid_utils.compat import uuid7

from shared.topics import Topic
from tests.bench.bare_facts import Out

Threads = Mapping[str, dict[str, Any]]


async def positions(connection: Any, topics: Sequence[Topic]) -> dict[TopicPartition, int]:
    """Where reading goes on."""
    places = [(topic.name, number) for topic in topics for number in range(topic.partitions)]
    await connection.execute(
        "INSERT INTO position (topic, partition, next_offset) SELECT *, 0 FROM unnest($1::text[], $2::integer[])"
        " ON CONFLICT (topic, partition) DO NOTHING",
        [topic for topic, _ in places],
        [number for _, number in places],
    )
    rows = await connection.fetch(
        "SELECT topic, partition, next_offset FROM position WHERE topic = ANY ($1::text[])",
        [topic.name for topic in topics],
    )
    return {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}


async def move(connection: Any, found: Mapping[TopicPartition, Sequence[Any]]) -> None:
    """Locks and moves positions."""
    places = sorted(found)
    topics, numbers = [place.topic for place in places], [place.partition for place in places]
    locked = await connection.fetch(
        """
        SELECT position.topic
          FROM position
          JOIN unnest($1::text[], $2::integer[], $3::bigint[]) AS step (topic, partition, begin)
            ON position.topic = step.topic AND position.partition = step.partition
         WHERE position.next_offset = step.begin
         ORDER BY position.topic COLLATE "C", position.partition
           FOR UPDATE OF position
        """,
        *(topics, numbers, [found[place][0].offset for place in places]),
    )
    assert len(locked) == len(places), "a position is not where this batch begins"
    await connection.execute(
        """
        UPDATE position
           SET next_offset = step.finish, moved_at = now()
          FROM unnest($1::text[], $2::integer[], $3::bigint[]) AS step (topic, partition, finish)
         WHERE position.topic = step.topic AND position.partition = step.partition
        """,
        *(topics, numbers, [found[place][-1].offset + 1 for place in places]),
    )


async def lock(connection: Any, subjects: Collection[str]) -> Threads:
    """Makes and locks threads, in order."""
    wanted = sorted(subjects)
    await connection.execute(
        "INSERT INTO thread (subject) SELECT unnest($1::text[]) ON CONFLICT (subject) DO NOTHING", wanted
    )
    rows = await connection.fetch(
        """
        SELECT subject, term, announced, erased_at IS NOT NULL AS erased, heard
          FROM thread
         WHERE subject = ANY ($1::text[])
         ORDER BY subject COLLATE "C"
           FOR UPDATE
        """,
        wanted,
    )
    return {row["subject"]: dict(row) | {"moved": False} for row in rows}


async def save(connection: Any, threads: Threads) -> None:
    """Writes threads that have moved."""
    moved = [thread for thread in threads.values() if thread["moved"]]
    if moved:
        await connection.execute(
            """
            UPDATE thread
               SET term = new.term,
                   announced = new.announced,
                   heard = new.heard,
                   erased_at = CASE WHEN new.erased THEN coalesce(thread.erased_at, now()) END
              FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::jsonb[], $5::boolean[])
                AS new (subject, term, announced, heard, erased)
             WHERE thread.subject = new.subject
            """,
            *([thread[column] for thread in moved] for column in ("subject", "term", "announced", "heard", "erased")),
        )


async def write(connection: Any, service: str, term: int, out: Sequence[Out], threads: Threads) -> None:
    """Numbers announcements in their order and puts them into the outbox."""
    rows = [_row(service, term, one, threads[one.thread]) for one in out]
    if rows:
        await connection.execute(
            """
            INSERT INTO outbox (lane, topic, partition, subject, key, value, headers, personal)
            SELECT lane, topic, partition, subject, convert_to(subject, 'UTF8'), value, headers, personal
              FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::bytea[], $6::bytea[], $7::boolean[])
              WITH ORDINALITY AS row (lane, topic, partition, subject, value, headers, personal, place)
             ORDER BY place
            """,
            *(list(column) for column in zip(*rows, strict=True)),
        )


def _row(service: str, term: int, one: Out, thread: dict[str, Any]) -> tuple[object, ...]:
    id_, now = str(uuid7()), datetime.now(UTC).isoformat()
    said = {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": id_,
        "ce_type": one.type,
        "ce_source": f"/storyloop/{service}",
        "ce_subject": one.subject,
        "ce_time": now,
        "ce_recordedtime": now,
        "ce_dataschema": f"urn:storyloop:{one.type}",
        "ce_correlationid": one.cause.correlation,
        "ce_causationid": one.cause.id,
    }
    if one.subject == one.thread:  # receipts carry no number
        thread["term"], thread["announced"] = max(thread["term"], term), thread["announced"] + 1
        thread["moved"] = True
        said |= {"ce_term": str(thread["term"]), "ce_sequence": str(thread["announced"])}
    headers = orjson.dumps(list(said.items()))
    return ("live", one.topic, None, one.subject, orjson.dumps(one.data), headers, one.personal)


async def first_rows(connection: Any, limit: int) -> Sequence[Any]:
    """What is to be sent next."""
    rows: Sequence[Any] = await connection.fetch(
        """
        SELECT id, topic, partition, key, value, headers, personal AND value IS NULL AS erased
          FROM outbox WHERE lane = $1 ORDER BY id LIMIT $2
        """,
        *("live", limit),
    )
    return rows


async def delete(connection: Any, ids: Sequence[int]) -> None:
    """What was sent goes."""
    await connection.execute("DELETE FROM outbox WHERE id = ANY ($1::bigint[])", ids)
