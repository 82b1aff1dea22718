"""Asking over HTTP, as a patient client does: what is not answered is asked again, at any replica."""

import asyncio
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx

from deploy.local.ports import LOOPBACK

PAUSES = (0.1, 0.3, 1, 2, 4, 8)
TRY_AGAIN = frozenset({429, 503})


@dataclass
class Asking:
    """One client with the staff's token; `ports` are each service's replicas."""

    http: httpx.AsyncClient
    ports: dict[str, list[int]]
    again: int = 0
    """How many requests were asked again."""
    wrong: list[str] = field(default_factory=list)
    """Answers that an honest service never gives."""
    _turn: count = field(default_factory=count)  # type: ignore[type-arg]  # only asked for the next

    async def ask(self, method: str, service: str, path: str, **more: Any) -> httpx.Response | None:
        """The first answer that says yes or no; None when nobody gave one."""
        for pause in (*PAUSES, None):
            ports = self.ports[service]
            try:
                answer = await self.http.request(
                    method, f"http://{LOOPBACK}:{ports[next(self._turn) % len(ports)]}{path}", **more
                )
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.status_code not in TRY_AGAIN:
                self._judge(answer, path)
                return answer
            if answer is not None and "retry-after" not in answer.headers:
                self.wrong.append(f"{answer.status_code} without Retry-After")
            if pause is not None:
                self.again += 1
                await asyncio.sleep(pause)
        return None

    def _judge(self, answer: httpx.Response, path: str) -> None:
        if answer.status_code >= 500:
            self.wrong.append(f"{answer.status_code} {path.rpartition('/')[2]} {answer.text[:200]}")
