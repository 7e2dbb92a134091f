"""When a source did not tell everything, the timeline says so."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from connectors.models import Gap
from connectors.tests.factories import ConnectorFactory
from frontend.completeness import silences
from investigations.models import Investigation

pytestmark = pytest.mark.django_db


def test_a_gap_around_the_investigation_is_named(window: Client, case: Investigation) -> None:
    connector = ConnectorFactory(name="shop-github")
    for hours in (1, 60):
        start = case.detected_at - timedelta(hours=hours)
        Gap.objects.create(connector=connector, start=start, end=start + timedelta(minutes=29), reason="Rate limited")
    assert [one.reason for one in silences(case, timezone.now())] == ["Rate limited"]
    page = window.get(reverse("investigation", args=[case.pk])).text
    assert "1 source incomplete: shop-github" in page


def test_a_connector_that_fails_now_is_silent_since_it_last_worked(case: Investigation) -> None:
    now = timezone.now()
    worked = case.detected_at - timedelta(minutes=5)
    ConnectorFactory(name="shop-logs", failures=3, last_success_at=worked, last_error="No route")
    (silence,) = silences(case, now)
    assert (silence.name, silence.start, silence.reason) == ("shop-logs", worked, "No route")


def test_connectors_that_work_are_not_named(case: Investigation) -> None:
    ConnectorFactory(name="shop-git")
    assert silences(case, timezone.now()) == []
