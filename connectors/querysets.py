"""Questions about connectors: chainable reads in domain words. They never write."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.apps import apps
from django.db.models import DateTimeField, Exists, ExpressionWrapper, F, OuterRef, QuerySet, Value
from django.db.models.functions import Least

from accounts.models import Feature, Switch

# A bell that was heard late makes the next one seem early: so much of an interval, at most a few seconds, is no matter.
_EARLY, _EARLIEST = timedelta(seconds=0.1), timedelta(seconds=5)


class ConnectorQuerySet(QuerySet[Any]):
    """Reads over connectors."""

    def running(self) -> Self:
        """On, while nobody switched off all of them, or polls."""
        off = Switch.objects.filter(feature__in=[Feature.CONNECTORS, Feature.POLLING])
        return self.filter(~Exists(off), enabled=True)

    def due(self, now: datetime) -> Self:
        """Running, and past their time."""
        early = Least(F("interval") * Value(_EARLY), Value(_EARLIEST))
        from_then = ExpressionWrapper(F("next_poll_at") - early, output_field=DateTimeField())
        return self.running().annotate(from_then=from_then).filter(from_then__lte=now)

    def unheld(self) -> Self:
        """With no circuit breaker that somebody, or poison, holds open."""
        held = apps.get_model("connectors", "Breaker").objects.filter(connector=OuterRef("pk"), held=True)
        return self.filter(~Exists(held))
