"""Doors for administrators: connectors, what they were sent, and what could not be processed."""

from connectors.admin.connector import ConnectorAdmin
from connectors.admin.deadletter import DeadLetterAdmin
from connectors.admin.delivery import DeliveryAdmin

__all__ = ["ConnectorAdmin", "DeadLetterAdmin", "DeliveryAdmin"]
