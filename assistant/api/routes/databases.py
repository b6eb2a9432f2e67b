"""Databases to ask: register, list, check, rename, forget."""

from fastapi import APIRouter
from pydantic import ConfigDict, Field, SecretStr, StrictBool
from pydantic.config import JsonDict

from assistant.api.bodies import Body
from assistant.api.once import KeepingRoute, Once
from assistant.api.pages import Page, Paged
from assistant.api.person import Box, Person
from tools import databases, policies, schemas, upkeep
from tools.connectors.base import Address, Frozen
from tools.databases import Database, Forgotten
from tools.errors import Invalid
from tools.jobs import Job
from tools.schemas import Drift

router = APIRouter(prefix="/databases", tags=["databases"], route_class=KeepingRoute)

EXAMPLE: JsonDict = {"name": "shop", "url": "postgresql://reader:secret@db.internal:5432/shop"}


class Registration(Body):
    """A database to register: its name, and its address as a URL or in parts."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"example": EXAMPLE})

    name: str = Field(max_length=200)
    url: SecretStr | None = Field(default=None, max_length=2000)
    """`postgresql://`, `mysql://` or `mariadb://`."""
    address: Address | None = None
    train: StrictBool = True
    """Train its tables at once."""

    def where(self) -> Address:
        """The address; Invalid unless it is given in exactly one way."""
        if (self.url is None) == (self.address is None):
            raise Invalid("Give the database's `url`, or its `address` in parts: one of the two.")
        return self.address or databases.address_from_url(self.url.get_secret_value() if self.url else "")


class Registered(Frozen):
    """A database that was registered, and the job that trains it."""

    database: Database
    warning: str
    """What its account could do beyond reading; empty when it cannot."""
    job: Job | None


class Renaming(Body):
    """What to change of a database."""

    name: str = Field(max_length=200, examples=["warehouse"])


class Telling(Body):
    """What sessions of a database are told of who asks."""

    settings: dict[str, str] = Field(max_length=50, examples=[{"app.region": "region"}])
    """Setting (PostgreSQL) or variable (MySQL) -> attribute of the person; those not named are told no more."""


class Health(Frozen):
    """How a database is, found out just now."""

    database: Database
    answers: bool
    health: str
    """One sentence: `answers, 12 ms away`, or since when it does not and why."""
    warning: str


@router.get("")
async def list_databases(box: Box, person: Person, paging: Paged) -> Page[Database]:
    """List the registered databases by name."""
    return paging.whole(await databases.list_databases(box, person))


@router.post("", status_code=201, dependencies=[Once])
async def register(box: Box, person: Person, body: Registration) -> Registered:
    """Register a database after it was reached; its credential is encrypted and never shown again."""
    database = await databases.register(box, person, body.name, body.where())
    job = await schemas.start_training(box, person, database.name) if body.train else None
    await upkeep.sync_by_itself(box, person, database)
    return Registered(database=database, warning=database.warning, job=job)


@router.get("/{database}")
async def get_database(box: Box, person: Person, database: str) -> Database:
    """Show one database as it was last seen."""
    return await databases.get(box, person, database)


@router.patch("/{database}")
async def rename(box: Box, person: Person, database: str, body: Renaming) -> Database:
    """Call a database by another name; what was learned of it stays."""
    return await databases.rename(box, person, database, body.name)


@router.delete("/{database}")
async def forget(box: Box, person: Person, database: str) -> Forgotten:
    """Forget a database with its training, notes and examples; the database itself is not touched."""
    return await databases.forget(box, person, database, approved_by=person.user_id)


@router.post("/{database}/check")
async def check(box: Box, person: Person, database: str) -> Health:
    """Knock at a database and tell how it is; one that does not answer is news, not an error."""
    found = await databases.check(box, person, database)
    return Health(database=found, answers=found.last_error is None, health=found.health, warning=found.warning)


@router.post("/{database}/refresh")
async def refresh_database(box: Box, person: Person, database: str) -> Drift:
    """Look at a database again and tell which tables and columns were added, removed or changed."""
    return await schemas.refresh(box, person, database)


@router.put("/{database}/session")
async def tell_session(box: Box, person: Person, database: str, body: Telling) -> Database:
    """Tell a database's own row policies who asks, in every session, from the next query on."""
    return await policies.tell_session(box, person, database, body.settings)
