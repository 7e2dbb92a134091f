"""Deeds about people who come from an identity provider: find who an identity belongs to, or make somebody for it."""

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import structlog
from allauth.socialaccount.models import SocialAccount
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from accounts import audit, claims, services
from accounts.claims import Provider
from accounts.models import User
from rcaplatform.kit.errors import Conflict, NotAllowed

log = structlog.get_logger(__name__)
MOST_NAMESAKES = 1_000


def person_of(*, said: Mapping[str, Any], provider: Provider, now: datetime) -> User:
    """Return whose identity this is, with the role that the provider gives them now.

    An identity is the issuer and the subject, and nothing else: neither a name nor an e-mail address leads to anybody.

    Args:
        said: the claims of an ID token that was verified.
        provider: whose they are.

    Raises:
        NotAllowed: the person was deactivated, or the provider gives them no place here.
        Conflict: two first sign-ins of theirs came at once.
    """
    claims.require_domain(said, provider)
    role = claims.role_of(said, provider)
    try:
        with transaction.atomic():
            own = SocialAccount.objects.filter(provider=provider.issuer, uid=said["sub"])
            known = own.select_related("user").first()
            if known is None:
                return _newcomer(said, provider, role)
            SocialAccount.objects.filter(pk=known.pk).update(last_login=now)
    except IntegrityError as problem:
        raise Conflict("Somebody with this identity is signing in just now: try again.") from problem
    person: User = known.user
    if not person.is_active:
        raise NotAllowed("This account is switched off.")
    if provider.role_claim:
        _follow(person, role)
    return person


def link(*, user: User, subject: str, provider: Provider) -> None:
    """Let somebody who is signed in sign in with this identity from now on.

    Raises:
        Conflict: it is somebody's already, or they have another one of this provider.
    """
    taken = SocialAccount.objects.filter(provider=provider.issuer)
    try:
        with transaction.atomic():
            User.objects.select_for_update(no_key=True).get(pk=user.pk)  # two that come at once take turns
            if taken.filter(user=user).exclude(uid=subject).exists():
                raise Conflict(f"You sign in with another identity of {provider.name} already.")
            row, first = taken.get_or_create(provider=provider.issuer, uid=subject, defaults={"user": user})
            if row.user_id != user.pk:
                raise Conflict("This identity belongs to another account.")
            if first:
                audit.record(actor=user, verb="link identity", target=user, change={"issuer": [None, provider.issuer]})
    except IntegrityError as problem:
        raise Conflict("This identity belongs to another account.") from problem


@transaction.atomic
def unlink(*, user: User, actor: User) -> None:
    """Let somebody sign in with no identity any more; this may be repeated."""
    gone, _ = SocialAccount.objects.filter(user=user).delete()
    if gone:
        audit.record(actor=actor, verb="unlink identity", target=user)


def is_linked(user: User, provider: Provider) -> bool:
    """Return whether somebody can sign in with the provider."""
    return bool(SocialAccount.objects.filter(user=user, provider=provider.issuer).exists())


def _newcomer(said: Mapping[str, Any], provider: Provider, role: str) -> User:
    offered = islice(claims.usernames(said), MOST_NAMESAKES)
    name = next(name for name in offered if not User.objects.filter(username__iexact=name).exists())
    person = services.create_user(
        username=name,
        password=None,
        role=role,
        email=_valid(claims.email_of(said)),
        first_name=claims.text(said, "given_name"),
        last_name=claims.text(said, "family_name"),
    )
    SocialAccount.objects.create(user=person, provider=provider.issuer, uid=said["sub"])
    audit.record(actor=None, verb="link identity", target=person, change={"issuer": [None, provider.issuer]})
    return person


def _valid(email: str) -> str:
    try:
        validate_email(email)
    except ValidationError:
        return ""
    return email


def _follow(person: User, role: str) -> None:
    """Give a person the role of now. The last administrator stays one: nobody else could let anybody in again."""
    try:
        services.set_role(user=person, role=role)
    except Conflict as problem:
        log.warning("identities.role_kept", user=str(person.pk), reason=problem.message)
