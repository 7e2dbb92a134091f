"""Questions about second factors: who has one, and who must. Every door that lets somebody in asks here."""

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import models

from accounts.models import User
from rcaplatform.kit.errors import NotAllowed

# The proofs that say nothing of a second one: a password, and that of a session which does not say what it was.
ALONE = frozenset({"password", ""})


class FactorNeeded(NotAllowed):
    """Your role needs a second factor here, and you have none."""

    code = "second_factor_missing"

    def __init__(self, user: User, advice: str) -> None:
        super().__init__(f"{reason(user)} {advice}")


def is_on(user: User) -> bool:
    """Return whether somebody is asked for a code when they sign in."""
    return bool(Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists())


def is_required(user: User) -> bool:
    """Return whether somebody of this role must have a second factor (``REQUIRE_SECOND_FACTOR``)."""
    return user.role in settings.REQUIRE_SECOND_FACTOR


def is_owed(user: User, by: str) -> bool:
    """Return whether somebody must turn on a second factor before anything opens for them.

    Args:
        by: what they proved who they are by. For whom an identity provider vouches, it answers for the second one too.
    """
    return by in ALONE and is_required(user) and not is_on(user)


def missing() -> models.QuerySet[User]:
    """Return who must turn one on at their next sign-in; who has no password signs in elsewhere."""
    own = Authenticator.objects.filter(user=models.OuterRef("pk"), type=Authenticator.Type.TOTP)
    people = User.objects.filter(~models.Exists(own), role__in=settings.REQUIRE_SECOND_FACTOR, is_active=True)
    return people.exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX)


def reason(user: User) -> str:
    """Return, as a sentence, why it is required."""
    return f"Your role, {user.get_role_display().lower()}, needs a second factor here."
