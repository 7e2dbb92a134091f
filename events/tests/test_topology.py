"""Who calls whom is counted once, added up by the hour, and answered."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from events.calls import BOUNDS, Calls, quantile
from events.choices import OriginKind
from events.models import CountedCalls, Dependency, Origin
from events.services import origin_named
from events.topology import count_calls, purge

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 1, 9, 14, tzinfo=UTC)
HOUR = AT.replace(minute=0)


@pytest.fixture
def origin() -> Origin:
    return origin_named("jaeger", OriginKind.CONNECTOR)


def call(caller: str = "checkout", callee: str = "payments", **given: Any) -> Calls:
    told = {"at": AT, "environment": "prod", "failed": False, "milliseconds": 30, **given}
    return Calls.one(caller=caller, callee=callee, **told)


def test_what_a_record_tells_again_is_counted_once(origin: Origin) -> None:
    for _ in range(2):
        count_calls(told={"trace-1": [call()]}, origin=origin)
    assert Dependency.objects.get().calls == 1


def test_calls_of_one_hour_are_added_up(origin: Origin) -> None:
    count_calls(told={"a": [call(), call(failed=True)]}, origin=origin)
    count_calls(told={"b": [call(milliseconds=3_000)]}, origin=origin)
    found = Dependency.objects.get()
    assert (found.calls, found.errors, found.hour) == (3, 1, HOUR)
    assert [found.durations[5], found.durations[12]] == [2, 1]


def test_two_origins_may_use_one_reference(origin: Origin) -> None:
    count_calls(told={"a": [call()]}, origin=origin)
    count_calls(told={"a": [call()]}, origin=origin_named("tempo", OriginKind.CONNECTOR))
    assert Dependency.objects.get().calls == 2


def test_hours_are_added_up_to_edges(origin: Origin) -> None:
    count_calls(told={"a": [call(), call(at=AT + timedelta(hours=1)), call("web", "checkout")]}, origin=origin)
    (busy, other) = Dependency.objects.within(AT, AT + timedelta(hours=1)).edges()
    assert (busy.caller, busy.callee, busy.calls, sum(busy.durations)) == ("checkout", "payments", 2, 2)
    assert (other.caller, other.callee, other.calls) == ("web", "checkout", 1)


def test_callers_and_callees_of_a_service_are_named(origin: Origin) -> None:
    count_calls(told={"a": [call(), call("web", "checkout"), call("web", "search")]}, origin=origin)
    assert Dependency.objects.all().callers("checkout") == ["web"]
    assert Dependency.objects.all().callees("web") == ["checkout", "search"]


def test_old_hours_and_what_told_of_them_are_forgotten(origin: Origin) -> None:
    count_calls(told={"a": [call()], "b": [call(at=AT + timedelta(days=1))]}, origin=origin)
    assert purge(before=AT + timedelta(hours=1)) == 2
    assert (Dependency.objects.count(), CountedCalls.objects.count()) == (1, 1)


def test_a_quantile_lies_within_its_class() -> None:
    durations = [0] * (len(BOUNDS) + 1)
    durations[5], durations[12] = 95, 5
    assert 16 < quantile(durations, 0.5) <= 32
    assert 2_048 < quantile(durations, 0.99) <= 4_096


def test_without_calls_a_quantile_is_nothing() -> None:
    assert quantile([0] * (len(BOUNDS) + 1), 0.5) == 0


def ask(user: User, **given: str) -> Any:
    client = APIClient()
    client.force_authenticate(user)
    return client.get("/api/v1/topology", given)


def test_the_api_tells_the_edges_of_a_service(origin: Origin, engineer: User) -> None:
    count_calls(told={"a": [call(failed=True), call("web", "search")]}, origin=origin)
    answer = ask(engineer, service="payments", start="2026-03-01T09:00:00Z", end="2026-03-01T10:00:00Z")
    assert answer.json()["edges"] == [
        {
            "caller": "checkout",
            "callee": "payments",
            "environment": "prod",
            "calls": 1,
            "errors": 1,
            "p50_ms": 24.0,
            "p95_ms": 31.2,
        }
    ]


@pytest.mark.parametrize(
    ("given", "field"),
    [({"start": "2026-03-02", "end": "2026-03-01"}, "end"), ({"strat": "2026-03-01"}, "strat"), ({"end": "x"}, "end")],
    ids=["backwards", "unknown", "no time"],
)
def test_a_wrong_parameter_is_named(engineer: User, given: dict[str, str], field: str) -> None:
    answer = ask(engineer, **given)
    assert answer.status_code == 400
    assert field in answer.json()["errors"]
