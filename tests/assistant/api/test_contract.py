"""What the document promises holds for requests nobody thought of, well-formed and not."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis import settings as bounded
from schemathesis.config import ChecksConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.config._checks import NegativeDataRejectionConfig, NotAServerErrorConfig
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from assistant.api import PREFIX, create_api
from tests.assistant.api.serving import serving
from tests.assistant.conftest import SEED
from tests.conftest import new_actor, registered
from tools.settings import Settings
from tools.toolbox import open_toolbox

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def api(settings: Settings) -> Iterator[str]:
    """A server with one registered database, `sales`."""
    loop = asyncio.Runner()
    box_context = open_toolbox(settings)
    box = loop.run(box_context.__aenter__())
    actor = loop.run(new_actor(box))
    database = registered(box, actor, "sales", lambda there: there.execute(SEED))
    loop.run(database.__aenter__())
    with serving(settings, actor) as url:
        yield f"{url}{PREFIX}"
    loop.run(database.__aexit__(None, None, None))
    loop.run(box_context.__aexit__(None, None, None))
    loop.close()


NOT_PROMISED = [
    # What is well-formed may still name what does not exist, or SQL that may not run.
    positive_data_acceptance,
    # Whoever asks here is let in; who is not stands in test_person.py.
    ignored_auth,
]

CHECKS = ChecksConfig(
    # A database that does not answer is told as 502, a store that does not as 503.
    not_a_server_error=NotAServerErrorConfig(expected_statuses=["2xx", "3xx", "4xx", "502", "503"]),
    negative_data_rejection=NegativeDataRejectionConfig(expected_statuses=["4xx"]),
)
CONFIG = SchemathesisConfig(seed=1, projects=ProjectsConfig(default=ProjectConfig(checks=CHECKS)))

document = schemathesis.openapi.from_dict(create_api(Settings(_env_file=None)).openapi(), config=CONFIG)


@document.parametrize()
@bounded(max_examples=8, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_requests_made_up_from_the_document(case: Any, api: str) -> None:
    case.call_and_validate(base_url=api, excluded_checks=NOT_PROMISED)
