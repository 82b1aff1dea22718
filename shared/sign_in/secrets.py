"""Secrets: what browsers and programs are given to show again; only hashes of them are kept."""

import secrets
from hashlib import sha256


def new_secret() -> str:
    """256 bits, as text for a cookie or a header."""
    return secrets.token_urlsafe(32)


def hash_of(secret: str) -> bytes:
    """What is kept; a guess needs no salt against 256 random bits."""
    return sha256(secret.encode()).digest()
