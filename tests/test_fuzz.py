"""Whatever its schema permits, and much that it does not, the API answers as the schema says and never with 5xx."""

import json
import os
from collections.abc import Iterator
from functools import cache
from itertools import cycle
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import User
from accounts.tokens import AccessToken
from events.tests.factories import EventFactory
from investigations.tests.factories import InvestigationFactory, LinkFactory, NoteFactory

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
EXAMPLES = int(os.environ.get("RCA_FUZZ_EXAMPLES", "6"))  # requests an operation; `make fuzz` sends more
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@cache
def _handler() -> Any:
    return get_wsgi_application()


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """The product, set up when first asked: not while tests are only collected."""
    return _handler()(environ, start_response)


def description() -> dict[str, Any]:
    """Return what the API says of itself."""
    generator: Any = SchemaGenerator
    return dict(generator().get_schema(public=True))


@schemathesis.serializer("application/x-ndjson")
def lines(_context: Any, value: Any) -> bytes:
    """One object a line; the schema describes one of them."""
    return json.dumps(value).encode()


schema = schemathesis.openapi.from_dict(description())
schema.app = application


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """Keep the test's own connection, and with it what the test has made, from one request to the next."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def known() -> Iterator[dict[str, str]]:
    """What a made-up id would never meet, at every other request: things that are there, by what names them."""
    case = InvestigationFactory()
    linked = LinkFactory(investigation=case).event
    there = {
        "investigations": str(case.pk),
        "events": str(EventFactory().pk),
        "investigation_id": str(case.pk),
        "event_id": str(linked.pk),
        "notes": str(NoteFactory(investigation=case).pk),
    }
    return cycle([{}, there])


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_an_operation_answers_as_its_schema_says(case: Any, admin: User, known: Iterator[dict[str, str]]) -> None:
    there = next(known)
    resource = case.path.split("/{id}")[0].rpartition("/")[2]
    for name in case.path_parameters or ():
        if real := there.get(resource if name == "id" else name):
            case.path_parameters[name] = real
    token = AccessToken.for_user(admin)
    case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)
