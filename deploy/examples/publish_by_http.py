"""A sample publisher over HTTP: signs in with its private key, and offers one story.

`new-key FILE` makes a key and prints the public part, a JWKS for the register. Needs nothing of Storyloop: any JWT
library can sign as joserfc does here.
"""

import argparse
import json
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def new_key(file: Path) -> dict[str, Any]:
    """Writes a private key into a file that only its owner can read; the public part."""
    key = RSAKey.generate_key(3072, auto_kid=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps(key.as_dict(private=True)))
    return {"keys": [dict(key.as_dict(private=False))]}


def token(intake: str, publisher: str, key: RSAKey) -> str:
    """A token for ten minutes, for a statement that counts once and lives for five."""
    now = int(time.time())
    claims = {"iss": publisher, "sub": publisher, "aud": f"{intake}/token", "exp": now + 300, "jti": str(uuid.uuid4())}
    signed = jwt.encode({"alg": "RS512", "kid": key.kid}, claims, key, algorithms=["RS512"])
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": signed}
    answer = httpx.post(f"{intake}/token", data=form, timeout=10)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def publish(intake: str, bearer: str, source: str, reference: str, service: str) -> Any:
    """Offers a story; what became of it."""
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "type": "uk.nhs.storyloop.story.offered.v1",
        "source": source,
        "subject": reference,
        "time": datetime.now(UTC).isoformat(),
        "data": {
            "title": "They took the time to explain",
            "text": "The nurse drew me a picture of what would happen. I was calm after that.",
            "services": [service],
            "author_role": "patient",
            "consent": ["show_to_staff", "publish"],
        },
    }
    headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/cloudevents+json"}
    answer = httpx.post(f"{intake}/events", content=json.dumps(event), headers=headers, timeout=10)
    answer.raise_for_status()
    return answer.json()


def main() -> None:
    """Reads the command line; makes a key, or signs in and publishes."""
    arguments = argparse.ArgumentParser(description=__doc__)
    commands = arguments.add_subparsers(dest="command", required=True)
    commands.add_parser("new-key").add_argument("file", type=Path)
    offer = commands.add_parser("offer")
    offer.add_argument("--key", type=Path, required=True)
    for name in ("intake", "publisher", "source", "reference", "service"):
        offer.add_argument(f"--{name}", required=True)
    said = arguments.parse_args()
    if said.command == "new-key":
        print(json.dumps(new_key(said.file)))
    else:
        bearer = token(said.intake, said.publisher, RSAKey.import_key(json.loads(said.key.read_text())))
        print(json.dumps(publish(said.intake, bearer, said.source, said.reference, said.service), indent=2))


if __name__ == "__main__":
    main()
