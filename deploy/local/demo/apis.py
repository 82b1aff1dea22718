"""APIs: the four services as the demo's people reach them, each with the token of who they are."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import httpx

from deploy.local.stack import Stack


class Refused(RuntimeError):
    """A service did not do what a script asked of it; the message holds its answer."""


class Apis:
    """Calls that answer with parsed JSON; `as_` is a bearer token, a moderator's or staff's if none is given."""

    def __init__(self, stack: Stack, client: httpx.AsyncClient) -> None:
        self._stack = stack
        self._client = client
        self._staff = {"intake": stack.token("ruth")}
        self._all_roles = stack.token()

    async def get(self, service: str, path: str, as_: str | None = None, **query: Any) -> Any:
        """None for what is not there (yet)."""
        return await self._ask("GET", service, path, as_, params=query)

    async def post(
        self,
        service: str,
        path: str,
        body: Any = None,
        as_: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Raises `Refused` for anything but success."""
        answer = await self._ask("POST", service, path, as_, json=body, headers=headers)
        if answer is None:
            raise Refused(f"POST {path}: 404")
        return answer

    async def delete(self, service: str, path: str, as_: str) -> Any:
        return await self._ask("DELETE", service, path, as_)

    async def post_events(self, publisher: str, content: bytes, content_type: str) -> Any:
        """What a publisher sends over HTTP, with its own token."""
        token = self._stack.publisher_tokens[publisher]
        return await self._ask(
            "POST", "intake", "/events", token, content=content, headers={"Content-Type": content_type}
        )

    async def timeline(self, story: UUID) -> dict[str, Any] | None:
        """Tracker's view of a story; None while it knows nothing, and after it has been erased."""
        found: dict[str, Any] | None = await self.get("tracker", f"/stories/{story}")
        return found

    async def my_story(self, link: str) -> dict[str, Any]:
        """Intake's view for the author with this link."""
        found: dict[str, Any] = await self.get("intake", "/my-story", as_=link)
        return found

    async def _ask(
        self,
        method: str,
        service: str,
        path: str,
        token: str | None,
        headers: Mapping[str, str] | None = None,
        **rest: Any,
    ) -> Any:
        shown = {"Authorization": f"Bearer {token or self._staff.get(service, self._all_roles)}", **(headers or {})}
        answer = await self._client.request(method, self._stack.url(service, path), headers=shown, **rest)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if not answer.is_success:
            raise Refused(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer.json()
