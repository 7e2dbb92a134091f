"""Facts: people, their roles and credentials, and the trail of what was done. No I/O."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models, transaction
from django.db.models import Q
from django.utils.crypto import salted_hmac

from accounts.querysets import ApiKeyQuerySet, AuditQuerySet, RevokedTokenQuerySet
from rcaplatform.kit.models import Identified


class Role(models.TextChoices):
    """What a person is here for; `accounts.permissions` says what each role may do."""

    USER = "user", "User"
    ENGINEER = "engineer", "Engineer"
    ADMIN = "admin", "Administrator"


class Scope(models.TextChoices):
    """What an API key is for; it never lets through more than the role of the person it acts for."""

    INGEST = "ingest", "Tell of events"
    READ = "read", "Read"
    FULL = "full", "Everything the person may"


class UserManager(DjangoUserManager["User"]):
    """Django's own manager, where a superuser is an administrator."""

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **extra: Any
    ) -> "User":
        """Create an administrator from the command line, and write it down: no deed of ours is asked for it."""
        with transaction.atomic(using=self._db):
            person = super().create_superuser(username, email, password, **{"role": Role.ADMIN, **extra})
            said = {"role": [None, person.role]}
            AuditEntry(verb="create", target_type="user", target_id=str(person.pk), change=said).save(force_insert=True)
        return person


class User(Identified, AbstractUser):
    """A person who signs in.

    Attributes:
        scope: of the API key they came with; empty when they came themselves.
    """

    scope = ""

    role = models.CharField(max_length=10, choices=Role, default=Role.USER)
    token_generation = models.PositiveIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="Tokens of an earlier one are worthless. The database raises it with role, password and activity.",
    )

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        ordering = ["username"]
        constraints = [models.CheckConstraint(name="user_role_known", condition=Q(role__in=Role.values))]

    def __str__(self) -> str:
        return self.get_full_name() or self.username

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Return what a session must hold to stand: it ends with the password, the role, and the tokens."""
        standing = f"{self.password}:{self.token_generation}"
        return salted_hmac("accounts.session", standing, secret=secret, algorithm="sha256").hexdigest()


class AuditEntry(Identified):
    """One thing somebody did. The database refuses to change or delete a row."""

    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="audit_entries")
    verb = models.CharField(max_length=50)
    target_type = models.CharField(max_length=50)
    target_id = models.CharField(max_length=64)
    change = models.JSONField(default=dict, help_text="Field name to [before, after].")
    request_id = models.CharField(max_length=64, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True, help_text="Where the request came from.")

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        indexes = [
            # "What happened to this thing", newest first.
            models.Index(fields=["target_type", "target_id", "-id"], name="audit_target"),
            # "What did this person do", newest first.
            models.Index(fields=["actor", "-id"], name="audit_actor"),
            # What is new and to be sealed, every few seconds; and filters by time.
            models.Index(fields=["at"], name="audit_at"),
        ]

    def __str__(self) -> str:
        return f"{self.actor or 'system'} {self.verb} {self.target_type} {self.target_id}"


class AuditSeal(models.Model):
    """One link of the chain that shows when an entry was changed or taken out. The database refuses to change it."""

    position = models.BigIntegerField(primary_key=True, help_text="1 for the first; none is left out.")
    entry = models.OneToOneField(AuditEntry, on_delete=models.PROTECT, related_name="seal")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the digest before and of the entry.")
    sealed_at = models.DateTimeField()

    class Meta:
        ordering = ["-position"]

    def __str__(self) -> str:
        return f"{self.position} {self.digest}"


class RevokedToken(Identified):
    """A token, or all of one sign-in, worthless before its time; forgotten when it would have expired anyway."""

    jti = models.CharField("token id", max_length=64, unique=True, help_text="Of a token, or of a sign-in (sid).")
    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="revoked_tokens")
    reason = models.CharField(max_length=200, blank=True)
    revoked_at = models.DateTimeField(auto_now_add=True)
    revoked_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    expires_at = models.DateTimeField(db_index=True, help_text="When it is forgotten.")

    objects = RevokedTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.jti


class ApiKey(Identified):
    """A long-lived credential of a program that acts for a person. Only its digest is kept."""

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, editable=False, help_text="How the key begins, to recognise it by.")
    digest = models.CharField(max_length=64, unique=True, editable=False, help_text="SHA-256 of the key.")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="api_keys", help_text="Whom it acts for.")
    scope = models.CharField(max_length=10, choices=Scope)
    rate_limit = models.PositiveIntegerField(
        null=True, blank=True, help_text="Requests a minute; 0 for no limit, empty for that of its scope or role."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="To the minute.")

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "API key"
        constraints = [models.CheckConstraint(name="api_key_scope_known", condition=Q(scope__in=Scope.values))]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
