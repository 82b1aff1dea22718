"""Stopping a Kafka client without losing a cancellation.

aiokafka ends its own tasks with `suppress(CancelledError)`: a cancellation of the caller that arrives just then is
suppressed as well, and a loop around it would go on for ever.
"""

import asyncio

from aiokafka import AIOKafkaConsumer


async def stop(consumer: AIOKafkaConsumer) -> None:
    """Stops it to the end; a cancellation that comes meanwhile is raised after that."""
    stopping = asyncio.ensure_future(consumer.stop())
    try:
        await asyncio.shield(stopping)
    except asyncio.CancelledError:
        await asyncio.wait({stopping})
        raise
