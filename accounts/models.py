"""Facts: people, their roles, and the trail of what was done. No I/O."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models
from django.db.models import Q

from rcaplatform.kit.models import Identified


class Role(models.TextChoices):
    """What a person is here for; `accounts.permissions` says what each role may do."""

    USER = "user", "User"
    ENGINEER = "engineer", "Engineer"
    ADMIN = "admin", "Administrator"


class UserManager(DjangoUserManager["User"]):
    """Django's own manager, where a superuser is an administrator."""

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **extra: Any
    ) -> "User":
        """Create an administrator from the command line."""
        return super().create_superuser(username, email, password, **{"role": Role.ADMIN, **extra})


class User(Identified, AbstractUser):
    """A person who signs in."""

    role = models.CharField(max_length=10, choices=Role, default=Role.USER)

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        ordering = ["username"]
        constraints = [models.CheckConstraint(name="user_role_known", condition=Q(role__in=Role.values))]

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class AuditEntry(Identified):
    """One thing somebody did. The database refuses to change or delete a row."""

    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="audit_entries")
    verb = models.CharField(max_length=50)
    target_type = models.CharField(max_length=50)
    target_id = models.CharField(max_length=64)
    change = models.JSONField(default=dict, help_text="Field name to [before, after].")
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        indexes = [
            # "What happened to this thing", newest first.
            models.Index(fields=["target_type", "target_id", "-id"], name="audit_target"),
            # "What did this person do", newest first.
            models.Index(fields=["actor", "-id"], name="audit_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.actor or 'system'} {self.verb} {self.target_type} {self.target_id}"
