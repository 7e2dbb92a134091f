"""Doors for administrators: connectors, what they were sent, and what could not be processed."""

from connectors.admin.breaker import BackfillAdmin, BreakerAdmin, GapAdmin, ScheduleAdmin, TransitionAdmin
from connectors.admin.connector import ConnectorAdmin
from connectors.admin.deadletter import DeadLetterAdmin
from connectors.admin.delivery import DeliveryAdmin

__all__ = [
    "BackfillAdmin",
    "BreakerAdmin",
    "ConnectorAdmin",
    "DeadLetterAdmin",
    "DeliveryAdmin",
    "GapAdmin",
    "ScheduleAdmin",
    "TransitionAdmin",
]
