"""What every service is told from outside, read once when it starts."""

from datetime import timedelta
from enum import StrEnum

from pydantic import HttpUrl, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.sign_in.told import SignIn


class Role(StrEnum):
    """Which part of a service this process is."""

    ALL = "all"
    WEB = "web"
    """Pages and API, and the relay for what they write."""
    CONSUME = "consume"
    """Hears events."""
    JOBS = "jobs"
    """Timers and deliveries."""


class Settings(SignIn):
    """Environment variables with the prefix `STORYLOOP_`; what differs between environments has no default."""

    model_config = SettingsConfigDict(env_prefix="STORYLOOP_", frozen=True, hide_input_in_errors=True)

    kafka: str
    """Bootstrap servers, `host:port,…`."""
    postgres: SecretStr
    """Address of the database with this service's own role: `postgresql://…`."""
    instance: str
    """The pod's name, stable over restarts: a killed consumer is back at once instead of after a time-out."""
    http_host: str = "0.0.0.0"  # noqa: S104 - a pod is reached from outside; the local stack says 127.0.0.1
    http_port: int
    role: Role = Role.ALL
    replay: bool = False
    """Hear the replay topic to its end before the live ones: for a new or long-absent listener."""
    version: str = "0.1.0"
    patience: timedelta = timedelta(seconds=60)
    """How long a batch is tried again before its partitions are paused."""
    grace: timedelta = timedelta(seconds=20)
    """How long a stopping process may take; less than the pod's grace period."""
    session: timedelta = timedelta(seconds=20)
    """How long the broker waits for a silent consumer."""
    metadata_age: timedelta = timedelta(seconds=3)
    """How soon a new publisher's topic is found."""

    service_name: str = "Storyloop"
    """Stands in the header of every page and in its title."""
    organisation_name: str = ""
    """Whose service this is; stands in the header before the service's name."""
    nhs_logo: bool = False
    """The NHS logo is a trade mark: only for those who may use it."""
    accessibility_page: HttpUrl | None = None
    privacy_page: HttpUrl | None = None
    contact_page: HttpUrl | None = None
    """Links of the footer; what is not there is not shown."""
