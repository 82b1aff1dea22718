"""Subjects: what a person is called inside Storyloop, the same in all services and telling nobody who it is."""

import hmac
from hashlib import sha256


def subject_of(key: bytes, issuer: str, person: str) -> str:
    """32 hex digits for what the issuer calls a person.

    A members' list can name people in this way before they have ever signed in.
    """
    return hmac.new(key, f"{issuer}\n{person}".encode(), sha256).hexdigest()[:32]
