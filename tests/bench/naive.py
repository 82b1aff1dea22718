"""Contender a: the chain as FastStream's tutorial would have it, `python -m tests.bench.naive STAGE`.

One message per call with a pydantic argument, one transaction each, publish in the handler, the library's own
settings and log. It writes the same rows of stories, routes, cases and timelines as the services. It has no threads,
no positions, no outbox, and so none of their promises: a crash between commit and publish loses a story.
"""

import asyncio
import os
import sys

import asyncpg
import orjson
from faststream import FastStream

from shared.topics import Topic
from tests.bench.naive_stages import PREFIX, STAGES, broker, pools

OFFERS = PREFIX + "offers"
TOPICS = (
    *(Topic(PREFIX + name) for name in ("offers", "received", "published", "routed")),
    Topic(PREFIX + "receipts", partitions=3),
)
app = FastStream(broker)


@app.on_startup
async def connect() -> None:
    """The tutorial's pool."""
    pools.append(await asyncpg.create_pool(os.environ["BENCH_POSTGRES"], min_size=2, max_size=6, init=_prepare))


async def _prepare(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=lambda value: orjson.dumps(value).decode(), decoder=orjson.loads
    )


if __name__ == "__main__":
    stage = sys.argv[1]
    for topic, handler in STAGES[stage].items():
        broker.subscriber(PREFIX + topic, group_id=f"{PREFIX}{stage}", auto_offset_reset="earliest")(handler)
    asyncio.run(app.run())
