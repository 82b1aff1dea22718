"""Members: what an organisation's administrators grant beyond the claims."""

from shared.database import Connection
from shared.sign_in.principal import Grant


async def grants_of(_connection: Connection, _subject: str) -> frozenset[Grant]:
    """None yet: the copy of `storyloop.members` takes the place of this file."""
    return frozenset()
