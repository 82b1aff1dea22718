"""What an issuer says about itself is kept while it is away, and it is left alone for half a minute after a failure."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from deploy.local.issuer import issuer
from deploy.local.ports import LOOPBACK, free_port
from shared.sign_in.discovery import Discovery, IssuerAway
from shared.sign_in.told import SignIn
from tests.service import signed_in_by


class At:
    """What time it is."""

    now = 0.0


@pytest.fixture
async def discovery() -> AsyncIterator[Discovery]:
    """Of an issuer that nobody has started; `At.now` is its clock."""
    At.now = 0.0
    told = SignIn(**(signed_in_by("router") | {"issuer": f"http://{LOOPBACK}:{free_port()}"}))
    it = Discovery(told, lambda: At.now)
    yield it
    await it.close()


async def asks(discovery: Discovery, at: float) -> tuple[Any, int]:
    """What it says at this time, and how often the issuer was asked in vain."""
    At.now = at
    with capture_logs() as lines:
        try:
            said = (await discovery.document())["issuer"]
        except IssuerAway:
            said = None
    return said, [line["event"] for line in lines].count("issuer.away")


async def test_an_issuer_that_is_away_is_asked_again_after_half_a_minute(discovery: Discovery) -> None:
    assert [await asks(discovery, at) for at in (0, 1, 29, 31, 32)] == [(None, n) for n in (1, 0, 0, 1, 0)]


async def test_what_it_said_is_kept_while_it_is_away() -> None:
    with issuer() as local:
        address = local.address
        discovery = Discovery(SignIn(**(signed_in_by("router") | {"issuer": address})), lambda: At.now)
        first = await asks(discovery, 0)

    later = [await asks(discovery, at) for at in (3500, 3700, 3710, 3731)]
    await discovery.close()

    assert first == (address, 0)
    assert later == [(address, n) for n in (0, 1, 0, 1)]
