"""Stylesheets, scripts and icons: read once, known by name, and kept by browsers for good.

The address holds a fingerprint of all of them. During a roll-out a page of one version may ask a process of
another: it gets that one's file, which it may not keep.
"""

import gzip
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, as it is and packed."""

    kind: str
    body: bytes
    packed: bytes


def _read() -> dict[str, Asset]:
    """Every file by its name below the folder; a request is only ever looked up here, never on the disk."""
    found = {}
    for file in sorted(FOLDER.rglob("*")):
        if file.suffix in KINDS:
            body = file.read_bytes()
            found[file.relative_to(FOLDER).as_posix()] = Asset(KINDS[file.suffix], body, gzip.compress(body, mtime=0))
    return found


ASSETS = _read()
FINGERPRINT = sha256(b"".join(name.encode() + asset.body for name, asset in ASSETS.items())).hexdigest()[:12]


def asset_path(name: str) -> str:
    """Where a file is served; KeyError if there is none."""
    if name not in ASSETS:
        raise KeyError(name)
    return f"/assets/{FINGERPRINT}/{name}"
