"""The tutorial's connector works as it stands in the tutorial."""

import re
import types
from datetime import timedelta
from typing import Any

import pytest

from connectors import services
from connectors.errors import Refused
from connectors.models import DeadLetter
from connectors.polling import poll
from connectors.registry import SOURCES
from connectors.tests.factories import NOW
from connectors.tests.peers import Peer, Reply
from events.models import Event
from tests.shared import ROOT

pytestmark = pytest.mark.django_db
TOKEN = "geheim"
INCIDENT = {"id": "inc-7", "at": NOW.isoformat(), "status": "outage", "headline": "Cards fail", "component": "payments"}


@pytest.fixture
def statuspage(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The source as the tutorial writes it, in its place."""
    code = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "write-a-connector.md").read_text(), re.DOTALL)
    module = types.ModuleType("connectors.sources.statuspage")
    monkeypatch.setitem(__import__("sys").modules, module.__name__, module)
    exec("".join(code), module.__dict__)  # noqa: S102 - the tutorial is ours
    monkeypatch.setitem(SOURCES, "statuspage", module.__dict__["StatusPage"])
    return module


def connected(peer: Peer, **values: Any) -> Any:
    given = {"url": peer.url, "token": TOKEN, **values}
    return services.connect(name="page", kind="statuspage", values=given, actor=None, now=NOW)


@pytest.mark.usefixtures("statuspage")
def test_it_is_polled_and_tells_of_an_incident_once() -> None:
    with Peer({"/api/incidents": {"incidents": [INCIDENT]}}) as peer:
        connector = connected(peer)
        for hour in (1, 2):
            poll(connector=connector, now=NOW + timedelta(hours=hour))
        assert {asked.headers["authorization"] for asked in peer.asked} == {f"Bearer {TOKEN}"}
    event = Event.objects.get()
    assert (event.title, event.severity, event.service) == ("Cards fail", "critical", "payments")


@pytest.mark.usefixtures("statuspage")
def test_an_incident_without_a_time_is_a_dead_letter_and_the_others_go_on() -> None:
    timeless = {**INCIDENT, "id": "inc-8", "at": None}
    with Peer({"/api/incidents": {"incidents": [timeless, INCIDENT]}}) as peer:
        poll(connector=connected(peer), now=NOW + timedelta(hours=1))
    assert Event.objects.get().source_id == "inc-7/outage"
    assert DeadLetter.objects.get().reference == "inc-8"


@pytest.mark.usefixtures("statuspage")
def test_a_token_that_is_not_accepted_is_the_owners_to_mend() -> None:
    with Peer({"/api/incidents": Reply("who are you?", status=401)}) as peer, pytest.raises(Refused):
        poll(connector=connected(peer), now=NOW + timedelta(hours=1))
