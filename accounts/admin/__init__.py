"""Doors for administrators; and what every admin of this product has in common."""

from accounts.admin.base import ByRole, DeletedFilter, Restorable, actor_of
from accounts.admin.people import PeopleAdmin
from accounts.admin.records import (
    ApiKeyAdmin,
    AuditEntryAdmin,
    NotificationDeliveryAdmin,
    RevokedTokenAdmin,
    SwitchAdmin,
)

__all__ = [
    "ApiKeyAdmin",
    "AuditEntryAdmin",
    "ByRole",
    "DeletedFilter",
    "NotificationDeliveryAdmin",
    "PeopleAdmin",
    "Restorable",
    "RevokedTokenAdmin",
    "SwitchAdmin",
    "actor_of",
]
