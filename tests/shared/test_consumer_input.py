"""What producers may write: whatever it is, it is heard or parked, and the next record is heard."""

from dataclasses import replace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.producer import message_accumulator, producer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from structlog.testing import capture_logs

from shared import parking
from shared.database import Database
from shared.streams import Stream
from tests.service import column
from tests.shared import topics
from tests.shared.consuming import Hearer


@pytest.fixture
async def hearer(kafka: str, router_database: Database, monkeypatch: pytest.MonkeyPatch) -> Hearer:
    """The small service with one partition to read."""
    one = Hearer(kafka, router_database, await topics.fact_topic(kafka, monkeypatch, partitions=1))
    await one.keeper.prepare()
    return one


class NotText(str):
    """A header name that is written as these bytes."""

    def encode(self, *_: Any) -> bytes:
        return b"x-\xff\xfe"


@pytest.mark.parametrize("compression", [None, "gzip", "lz4"])
async def test_a_header_name_that_is_not_utf8_is_parked_and_the_next_record_goes_on(
    hearer: Hearer, monkeypatch: pytest.MonkeyPatch, compression: str | None
) -> None:
    for module in (producer, message_accumulator):  # the fast writer takes no such name
        monkeypatch.setattr(module, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
    before, bad, after = hearer.stories("before", "bad", "after")
    headers = [*bad.headers, (NotText("x-name"), b"\x00")]
    await topics.write(
        hearer.kafka,
        hearer.topic,
        [before, replace(bad, headers=headers), after],
        compression_type=compression,
        linger_ms=200,
    )

    async with hearer.consuming():
        await hearer.has_kept(["before", "after"])
        await hearer.write("next")
        await hearer.has_kept(["before", "after", "next"])

    assert await hearer.keeper.parked() == [("unreadable", "a header's name is not UTF-8")]
    [packed] = await column(hearer.database, "SELECT headers FROM parked")
    name, value = parking.unpack(packed)[-1]
    assert (name.encode(errors="surrogateescape"), value) == (b"x-\xff\xfe", b"\x00")


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_records_are_read(hearer: Hearer, compression: str) -> None:
    titles = [f"story {number} {'x' * 100}" for number in range(50)]
    await hearer.write(*titles, compression_type=compression, linger_ms=200)

    async with hearer.consuming():
        await hearer.has_kept(titles)


async def test_null_headers_null_keys_and_null_values_stop_nothing(hearer: Hearer) -> None:
    first, second, third = hearer.stories("with null headers", "without a value", "without a key")
    odd: Any = [
        replace(first, headers=[*first.headers, ("x-null", None), ("ce_traceparent", None)]),
        replace(second, value=None),
        replace(third, key=None),
    ]
    await topics.write(hearer.kafka, hearer.topic, odd)

    async with hearer.consuming():
        await hearer.is_at(3)

    assert await hearer.keeper.kept() == ["with null headers", "without a key"]
    assert [reason for reason, _ in await hearer.keeper.parked()] == ["contract_broken"]


async def test_what_the_client_skips_is_read_again_also_where_holes_are_no_loss(
    hearer: Hearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stream, "may_have_holes", lambda *_: True)  # as on the topics of publishers
    place = TopicPartition(hearer.topic, 0)
    await hearer.write("story 0")

    async with hearer.consuming() as consumer:
        await hearer.has_kept(["story 0"])
        assert consumer.consumer is not None
        consumer.consumer.pause(place)
        await hearer.write(*(f"story {number}" for number in range(1, 6)))
        consumer.consumer.seek(place, 3)
        consumer.consumer.resume(place)

        await hearer.has_kept([f"story {number}" for number in range(6)])


async def test_holes_on_a_fact_topic_raise_an_alarm_once_each_and_the_rest_goes_on(hearer: Hearer) -> None:
    async with topics.producer(hearer.kafka, transactional_id=hearer.group) as writer:
        for number in range(3):
            async with writer.transaction():  # its end takes an offset that no consumer sees
                [story] = hearer.stories(f"story {number}")
                await writer.send_and_wait(
                    hearer.topic, story.value, key=story.key, partition=0, headers=list(story.headers)
                )

    with capture_logs() as lines:
        async with hearer.consuming():
            await hearer.has_kept(["story 0", "story 1", "story 2"])

    assert [line["records"] for line in lines if line["event"] == "records.lost"] == [1, 1]
