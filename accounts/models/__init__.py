"""Facts: people, what they may be known by, what was done, and what they are told. No I/O."""

from accounts.models.notifications import (
    Notification,
    NotificationDelivery,
    NotificationPreference,
    NotificationSettings,
)
from accounts.models.people import ApiKey, AuditEntry, AuditSeal, RevokedToken, Role, Scope, User, UserManager
from accounts.models.switches import Feature, Switch

__all__ = [
    "ApiKey",
    "AuditEntry",
    "AuditSeal",
    "Feature",
    "Notification",
    "NotificationDelivery",
    "NotificationPreference",
    "NotificationSettings",
    "RevokedToken",
    "Role",
    "Scope",
    "Switch",
    "User",
    "UserManager",
]
