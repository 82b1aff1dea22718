"""Ids: ours are made here, and those that outsiders choose are checked before they are kept anywhere."""

import re
from collections.abc import Iterable
from uuid import UUID, uuid5

from uuid_utils.compat import uuid7

STORIES = UUID("6f0c9b1e-5f0e-4d55-9a0b-6a3f6d3c7a11")
COMMENTS = UUID("0d7f6a52-3f6b-4a3e-8f7e-9f3f4b7a2c22")

__all__ = ["comment_of", "new_id", "refuse_nhs_number", "stories_of", "story_of", "uuid_of"]

_UUID = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{8}(-?)([0-9A-Fa-f]{4}\1){3}[0-9A-Fa-f]{12}(?![0-9A-Za-z])")
_JUST_A_UUID = re.compile(r"([a-z]{1,20}/)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_TEN_DIGITS = re.compile(r"(?<!\d)\d{3}[ .:_-]?\d{3}[ .:_-]?\d{4}(?!\d)")


def new_id() -> UUID:
    """A uuid7: unique, opaque, and in order of time."""
    return uuid7()


def story_of(publisher: str, reference: str) -> UUID:
    """The story that a publisher calls by this reference; the same answer for ever."""
    return uuid5(STORIES, f"{publisher}/{reference}")


def comment_of(publisher: str, reference: str) -> UUID:
    """The comment that a publisher calls by this reference."""
    return uuid5(COMMENTS, f"{publisher}/{reference}")


def uuid_of(subject: str) -> UUID:
    """The id in a subject: `story/<uuid>`, `comment/<uuid>`."""
    return UUID(subject.partition("/")[2])


def stories_of(subjects: Iterable[str]) -> list[UUID]:
    """The stories among these subjects."""
    return [uuid_of(one) for one in subjects if one.startswith("story/")]


def refuse_nhs_number(text: str) -> str:
    """The text itself; ValueError if it holds a valid NHS number (ten digits, modulus 11).

    UUIDs are passed over: one in a thousand holds ten digits that look like one by chance.
    """
    if _JUST_A_UUID.match(text) or not _TEN_DIGITS.search(text):
        return text
    for found in _TEN_DIGITS.finditer(_UUID.sub("uuid", text)):
        if _is_nhs_number(re.sub(r"\D", "", found.group())):
            raise ValueError("an id must not be or hold an NHS number")
    return text


def _is_nhs_number(digits: str) -> bool:
    check = 11 - sum(int(digit) * (10 - place) for place, digit in enumerate(digits[:9])) % 11
    return check % 11 == int(digits[9])
