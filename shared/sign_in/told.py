"""What a service is told about sign-in: which issuer, who we are to it, and what its claims grant."""

from datetime import timedelta
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, Json, SecretStr, model_validator
from pydantic_settings import BaseSettings

from shared.sign_in.claims import ClaimRule
from shared.sign_in.subjects import subject_of

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384"]
EMAIL = "email"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class SignIn(BaseSettings):
    """The part of every service's settings that is about people; the same in all four but `public_url`."""

    public_url: str
    """Where browsers find this service, perhaps with a path: `https://stories.example.org/responder`."""
    issuer: str
    """Exactly as in its tokens and its discovery document; it must be https, or on this machine."""
    client_id: str
    client_secret: SecretStr | None = None
    client_key: SecretStr | None = None
    """A private key (PEM), where the issuer wants `private_key_jwt` and not a secret."""
    client_algorithm: Algorithm = "RS512"
    """What `client_key` signs with; NHS issuers want RS512."""
    audience: str
    """What access tokens for our APIs must name."""
    subject_key: SecretStr = Field(min_length=32)
    """Makes opaque subjects out of people; the same in all services, and never another."""
    scopes: str = "openid profile"
    ask_userinfo: bool = False
    """For issuers such as CIS2 whose id_token says less than their userinfo."""
    person_claim: str = "sub"
    """What names a person: `sub`, `email`, CIS2's `uid`, Entra's `oid`; lists of members use the same.

    An e-mail address counts only if the issuer says that it has verified it.
    """
    name_claim: str = "name"
    """What pages call them."""
    claims: tuple[ClaimRule, ...] = ()
    """What claims grant, as JSON; `deploy/sign-in.md` has examples."""
    token_algorithms: tuple[Algorithm, ...] = ("RS256", "RS512", "PS256", "ES256")
    """What the issuer may sign with."""
    issuer_keys: Json[dict[str, Any]] | None = None
    """The issuer's key set itself, where it cannot be fetched; keys then change with this setting."""
    session_idle: timedelta = timedelta(minutes=30)
    session_limit: timedelta = timedelta(hours=12)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if (self.client_secret is None) == (self.client_key is None):
            raise ValueError("say either client_secret or client_key")
        if self.audience == self.client_id:
            raise ValueError("audience and client_id are two names: or an id_token would pass for an access token")
        for address in (self.issuer, self.public_url):
            parts = urlsplit(address)
            if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
                raise ValueError("issuer and public_url are https, or on this machine")
        return self

    def subject_of(self, person: str) -> str:
        """The opaque subject of whoever is named so in `person_claim`, by the issuer or by a list of members.

        Large and small letters are the same in e-mail addresses alone: issuers may tell others' names apart by them.
        """
        named = person.lower() if self.person_claim == EMAIL else person
        return subject_of(self.subject_key.get_secret_value().encode(), self.issuer, named)

    @property
    def public_path(self) -> str:
        """What stands before every path of this service: empty, or `/responder`."""
        return urlsplit(self.public_url).path.rstrip("/")

    @property
    def origin(self) -> str:
        """What browsers send as this service's Origin."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}"

    def link(self, path: str) -> str:
        """One of this service's paths, as pages and redirects name it."""
        return self.public_path + path

    def unlinked(self, path: str) -> str:
        """The other way round; a proxy may have taken the service's own path away already."""
        prefix = self.public_path
        return path[len(prefix) :] if prefix and path.startswith(f"{prefix}/") else path

    def public(self, path: str) -> str:
        """The whole address of one of this service's paths."""
        return self.origin + self.link(path)
