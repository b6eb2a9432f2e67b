"""The one reader of the environment: every setting, its default and its bounds."""

import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tools.errors import ConfigurationError


def default_home() -> Path:
    """The folder in the user's data folder that holds all state of a local set-up."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share"))
    return base / "tabletalk"


LOOPBACK = ("127.0.0.1", "localhost", "::1")

Names = Annotated[tuple[str, ...], NoDecode]
"""A comma-separated list in the environment."""


class Settings(BaseSettings):
    """All settings; each is `TABLETALK_` plus its name in capitals, in the environment or in `.env`."""

    model_config = SettingsConfigDict(
        env_prefix="TABLETALK_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    # Where things are
    home: Path = Field(default_factory=default_home)
    """All state of a local set-up: embedded servers' data, secret key, files."""
    database_url: SecretStr | None = None
    """The store: PostgreSQL with pgvector. Unset: an embedded one in `home`."""
    redis_url: SecretStr | None = None
    """The queue. Unset: an embedded Valkey in `home`."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000

    # Who may come in
    secret_key: SecretStr | None = None
    """32 bytes or more; encrypts credentials and signs sessions. Unset in local mode: made once, kept in `home`."""
    login: Literal["auto", "none", "password"] = "auto"
    """`auto`: no login when bound to loopback, password login otherwise."""

    # What a request of a program may take
    request_bytes: Annotated[int, Field(ge=1000)] = 1_000_000
    requests_per_minute: Annotated[int, Field(ge=1)] = 600
    """Of one person, at most."""
    refreshes_per_minute: Annotated[int, Field(ge=1)] = 120
    """Refresh tokens that one address may exchange or revoke, good ones and bad ones."""
    request_seconds: Annotated[float, Field(gt=0)] = 120
    """Until its answer begins; a stream may go on."""

    oidc_issuer: str = ""
    """Address of an OpenID Connect provider: people may sign in by it, beside passwords."""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr | None = None
    oidc_label: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,30}$")] = "SSO"
    """What the button on the login page says after "Continue with"."""
    oidc_scopes: str = "openid,email,profile"
    oidc_name: str = "email"
    """The claim that becomes a new person's name here."""
    oidc_attributes: Names = ()
    """Claims that become attributes for row policies, at each sign-in."""
    oidc_role: Literal["viewer", "editor", "admin"] = "viewer"
    """What a new person may do, until an admin says otherwise."""
    oidc_workspace: str = "home"
    """The workspace a new person joins; made when it is new."""
    public_url: str = ""
    """Where browsers reach this, when that is not where it listens: the provider sends people back there."""

    # Models
    model: str = ""
    """Any pydantic-ai model name (`openai-chat:gpt-5`, `anthropic:...`); commas part a fallback list.

    Empty: the offline model.
    """
    model_timeout_seconds: Annotated[float, Field(gt=0)] = 60
    model_requests: Annotated[int, Field(ge=1)] = 12
    """Requests to the model in one turn, at most."""
    preview_rows: Annotated[int, Field(ge=0, le=1000)] = 20
    """Result rows shown to the model; 0 shows none."""
    history_turns: Annotated[int, Field(ge=1)] = 30
    """Earlier turns of a conversation that a model is shown."""
    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    openai_base_url: str | None = Field(default=None, validation_alias="OPENAI_BASE_URL")
    embedding_model: str = ""
    """Any pydantic-ai embedding model name (`openai:text-embedding-3-small`). Empty: the offline embedder."""

    # Reading registered databases
    query_seconds: Annotated[float, Field(gt=0)] = 30
    background_query_seconds: Annotated[float, Field(gt=0)] = 600
    """The same for a query that a worker asks again because it took longer than that."""
    query_rows: Annotated[int, Field(ge=1, le=100_000)] = 1000
    cell_bytes: Annotated[int, Field(ge=64)] = 10_000
    result_bytes: Annotated[int, Field(ge=10_000)] = 4_000_000
    sql_bytes: Annotated[int, Field(ge=100)] = 20_000
    sql_depth: Annotated[int, Field(ge=5)] = 60
    sql_joins: Annotated[int, Field(ge=1)] = 30
    pool_size: Annotated[int, Field(ge=1)] = 5
    """Open connections to one registered database, per process."""
    connect_seconds: Annotated[float, Field(gt=0)] = 2
    silence_seconds: Annotated[float, Field(gt=0)] = 60
    """A line to a database on which nothing has come for so long is hung up, unless the server is at work for it."""
    allow_hosts: Names = ()
    """Loopback and private addresses, host names or networks (CIDR) that may be registered outside local mode."""

    # Training
    sample_rows: Annotated[int, Field(ge=0, le=10)] = 3
    frequent_values: Annotated[int, Field(ge=0, le=1000)] = 100
    """Distinct values a column may have for them to be learned."""
    analysed_rows: Annotated[int, Field(ge=100)] = 20_000
    """Rows of a table that are looked through for frequent values, at most."""
    analysis_seconds: Annotated[float, Field(gt=0)] = 10
    """A statement of training that takes longer is stopped; the table is then trained on its shape alone."""
    private_columns: Names = ()
    """More column-name parts whose values are never read in training."""
    whole_catalogue_tables: Annotated[int, Field(ge=0)] = 30
    """At most so many trained tables go whole to the model; above, retrieval picks."""

    # Documents
    embed_batches_per_minute: Annotated[int, Field(ge=0)] = 100
    """Requests to an embedding model for documents, of all jobs together; 0 for as many as it takes."""

    # Jobs
    job_attempts: Annotated[int, Field(ge=1)] = 3
    job_seconds: Annotated[int, Field(ge=10)] = 3600
    heartbeat_seconds: Annotated[float, Field(gt=0)] = 5
    """A running job whose worker is silent for four of these is taken over."""
    retry_seconds: Annotated[float, Field(gt=0)] = 2
    """The first wait before a failed job is tried again; it doubles each time."""
    tick_seconds: Annotated[float, Field(gt=0)] = 2
    """How often a worker looks for jobs that were left lying."""
    kept_completed: Annotated[int, Field(ge=0)] = 100
    """Jobs of a workspace that ended well, or were cancelled, kept by the nightly pruning."""
    kept_failed: Annotated[int, Field(ge=0)] = 500
    """The same for jobs that failed or ended partly."""
    auto_sync: bool = False
    """Start the first sync of a database as soon as it is registered."""
    timezone: str = ""
    """The zone of schedules that name none (`Europe/Berlin`); empty: this machine's."""
    worker_processes: Annotated[int, Field(ge=1, le=64)] = 3
    """Jobs that `python -m workers` runs at the same time."""

    # Sync
    sync_starts_a_minute: Annotated[int, Field(ge=0)] = 10
    """Syncs that a workspace may start within a minute; 0: any number."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"
    log_dir: Path | None = None
    """Where log files go, one a day for seven days; unset: the console alone."""
    otel_endpoint: str = ""
    """An OpenTelemetry collector (OTLP over HTTP). Empty: nothing is sent, nothing of it is loaded."""
    metrics: Literal["loopback", "open", "off"] = "loopback"
    """Who may read /metrics."""
    demo: bool = True
    """Register the sample shop at the first start."""

    @field_validator("allow_hosts", "private_columns", "oidc_attributes", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("login")
    @classmethod
    def _none_on_loopback_alone(cls, value: str, info: ValidationInfo) -> str:
        if value == "none" and info.data.get("host") not in LOOPBACK:
            raise ValueError("without logins only this machine may come in; set TABLETALK_HOST=127.0.0.1")
        return value

    @property
    def local(self) -> bool:
        """Local mode: bound to loopback, one implicit person, no login."""
        return self.login == "none" or (self.login == "auto" and self.host in LOOPBACK)

    def environment(self) -> dict[str, str]:
        """The environment that gives a child process exactly these settings; it holds the secrets among them."""
        values = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {**os.environ, **{_variable((name,)): _text(value) for name, value in values if value is not None}}


@lru_cache
def load_settings() -> Settings:
    """Read the environment once; ConfigurationError names each setting that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(f"{_variable(fault['loc'])}: {fault['msg']}" for fault in error.errors())
        raise ConfigurationError(f"Wrong setting: {faults}. See .env.example for what each takes.") from None


def _variable(location: tuple[int | str, ...]) -> str:
    name = str(location[0]).upper()
    return name if name.startswith("OPENAI_") else f"TABLETALK_{name}"


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(value) if isinstance(value, tuple) else str(value)
