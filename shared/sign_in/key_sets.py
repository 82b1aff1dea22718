"""Key sets: an issuer's public keys, fetched when they are needed and kept while the issuer is away.

A key that is not known makes us look again, at most once in half a minute, so that tokens with invented key ids do not
turn us against the issuer. What was fetched once stays until something newer is there, and who shows a token of a known
key never waits for the issuer: looking again is then done beside it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from shared.logs import log

Fetch = Callable[[], Awaitable[Mapping[str, Any]]]
Key = RSAKey | ECKey
PAUSE_SECONDS = 30.0
LIFE_SECONDS = 3600.0
"""After so long keys are looked at again even if all are known: one may have been taken back."""


class KeysAway(Exception):
    """There is no key yet, and the issuer cannot be asked."""


class KeysOf:
    """One issuer's keys; only public ones of kinds that sign, whatever the set holds."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch, self._clock = fetch, clock
        self._keys: list[Key] = []
        self._asked_at = self._got_at = float("-inf")
        self._lock = asyncio.Lock()
        self._beside: asyncio.Task[None] | None = None

    async def candidates(self, kid: str | None) -> list[Key]:
        """The keys that may have signed: that of this id, or all where none is named. Raises KeysAway."""
        if not self._find(kid):
            await self._look_again(kid)
        elif self._is_due() and (self._beside is None or self._beside.done()):
            self._beside = asyncio.create_task(self._look_again(kid), name="keys")
        if not self._keys:
            raise KeysAway
        return self._find(kid)

    def _find(self, kid: str | None) -> list[Key]:
        return [key for key in self._keys if kid is None or key.kid == kid]

    def _is_due(self) -> bool:
        now = self._clock()
        return now - self._got_at > LIFE_SECONDS and now - self._asked_at >= PAUSE_SECONDS

    async def _look_again(self, kid: str | None) -> None:
        async with self._lock:
            known = self._find(kid) and self._clock() - self._got_at <= LIFE_SECONDS
            if known or self._clock() - self._asked_at < PAUSE_SECONDS:
                return
            self._asked_at = self._clock()
            try:
                self._keys = _not_worse(public_keys(await self._fetch()), self._keys)
                self._got_at = self._clock()
            except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
                log.warning("keys.away", error=error, known=len(self._keys))


def _not_worse(fetched: list[Key], known: list[Key]) -> list[Key]:
    if known and not fetched:
        raise ValueError("a key set without any key that signs")
    return fetched


def public_keys(jwks: Mapping[str, Any]) -> list[Key]:
    """The RSA and elliptic-curve keys of a set that may sign."""
    signing = [one for one in jwks["keys"] if one.get("kty") in {"RSA", "EC"} and one.get("use", "sig") == "sig"]
    if not signing:
        return []
    return [key for key in KeySet.import_key_set({"keys": signing}) if isinstance(key, RSAKey | ECKey)]
