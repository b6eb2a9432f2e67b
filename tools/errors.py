"""Every error raised on purpose; each door turns them into its own words in one place."""


class AssistantError(Exception):
    """Base of all errors a person may read: the message says what, which and what to do next."""

    status = 500
    title = "Internal error"
    passing = False
    """True where trying the same again in a moment may work: a job then retries by itself.

    A raiser that knows better sets it on the error: a wrong password is not passing, though it is an Upstream.
    """


class NotFound(AssistantError):
    """What was named does not exist, or is not in this workspace."""

    status = 404
    title = "Not found"


class Invalid(AssistantError):
    """The request cannot be carried out as it was put."""

    status = 422
    title = "Invalid request"


class QueryRejected(Invalid):
    """The guard refused a statement before it reached a database."""

    title = "Query rejected"


class Conflict(AssistantError):
    """The request collides with something that exists or is running."""

    status = 409
    title = "Conflict"


class NotAllowed(AssistantError):
    """The person may not do this."""

    status = 403
    title = "Not allowed"


class NotSignedIn(AssistantError):
    """Nobody is known to be asking."""

    status = 401
    title = "Not signed in"


class TooMany(AssistantError):
    """The same person or address has asked too often; `seconds` says when to come back."""

    status = 429
    title = "Too many requests"

    def __init__(self, message: str, seconds: float) -> None:
        """Take the message, and the seconds after which the same may work."""
        super().__init__(message)
        self.seconds = seconds


class Upstream(AssistantError):
    """Something we depend on did not do its part."""

    status = 502
    title = "Upstream error"
    passing = True


class DatabaseUnreachable(Upstream):
    """A registered database does not answer, or does not let us in."""

    title = "Database unreachable"


class QueryFailed(Upstream):
    """The database refused or failed a statement that the guard had allowed."""

    title = "Query failed"
    passing = False


class QueryTimedOut(Upstream):
    """A statement ran past its time limit and was stopped at the database."""

    title = "Query timed out"
    opening = "That took longer than"
    """How its message begins, and the entry in the history."""


class ModelUnavailable(Upstream):
    """The language model or the embedding model does not answer."""

    title = "Model unavailable"


class StoreUnavailable(Upstream):
    """Our own PostgreSQL or Valkey does not answer."""

    status = 503
    title = "Store unavailable"


class ConfigurationError(AssistantError):
    """A setting is missing or wrong; the message names it."""

    title = "Configuration error"
