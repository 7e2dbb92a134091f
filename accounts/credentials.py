"""Deeds about what opens the API, tokens and API keys: check, write, record, and void the verdicts that rest on it."""

from datetime import datetime, timedelta

from django.contrib.auth.models import update_last_login
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from rest_framework_simplejwt.settings import api_settings

from accounts import apikeys, audit, factors, standing, tokens
from accounts.factors import FactorNeeded
from accounts.models import ApiKey, RevokedToken, Scope, User
from accounts.permissions import may
from accounts.tokens import BadToken, Claims, RefreshToken
from rcaplatform.kit.errors import Invalid
from rcaplatform.kit.realtime import publish

BATCH = 10_000
MINUTE = timedelta(minutes=1)
ROTATED, LEEWAY = "rotated", timedelta(seconds=10)


@transaction.atomic
def issue(*, user: User, by: str) -> RefreshToken:
    """Return a refresh token, which carries its access token, for a person who has proved who they are.

    Args:
        user: as they were when they gave it.
        by: what the proof was, for the audit trail.

    Raises:
        FactorNeeded: their role needs a second factor, and they have none.
        BadToken: their password, role or second factor was changed, or they were shut out, since.
    """
    now = User.objects.get(pk=user.pk)
    if now.get_session_auth_hash() != user.get_session_auth_hash() or not now.is_active:
        raise BadToken("The account was changed meanwhile: sign in again.")
    _require_factor(user, by)
    update_last_login(None, user)  # type: ignore[arg-type]
    audit.record(actor=user, verb="sign in", target=user, change={"by": [None, f"{by}, over the API"]})
    return RefreshToken.for_user(user)


def rotate(*, refresh: str, now: datetime) -> RefreshToken:
    """Take a refresh token back for a new one; each is good once, also when two requests bring it together.

    One that comes again was copied, by whom cannot be told, so its whole sign-in ends (RFC 9700, section 4.14.2). For
    ten seconds it is only refused: two windows of one person, or a client whose answer was lost, mean no harm.

    Raises:
        BadToken: it is not ours, expired, used or revoked, or its person may no longer sign in.
        FactorNeeded: their role needs a second factor by now, and they have none.
    """
    claims = tokens.read(refresh, tokens.REFRESH)
    _end_if_copied(claims, now)
    with transaction.atomic():
        person = standing.looked_up(claims).user()
        _require_factor(person, "password")
        _, first = RevokedToken.objects.get_or_create(
            jti=claims.jti, defaults={"user": person, "reason": ROTATED, "expires_at": _expiry(claims)}
        )
        if not first:
            raise BadToken("This refresh token was used before.")
        return RefreshToken.for_user(person, claims.family)


def _require_factor(user: User, by: str) -> None:
    if factors.is_owed(user, by):
        raise FactorNeeded(user, "Sign in to the pages and turn one on; then send its code as `code`.")


@transaction.atomic
def _end_if_copied(claims: Claims, now: datetime) -> None:
    used = RevokedToken.objects.filter(jti=claims.jti, reason=ROTATED, revoked_at__lt=now - LEEWAY)
    for row in used.select_related("user"):
        ended = {"user": row.user, "reason": "refresh token used twice", "expires_at": _last_expiry(now)}
        _, first = RevokedToken.objects.get_or_create(jti=claims.family, defaults=ended)
        standing.recall(claims.family)
        if first and row.user:
            audit.record(actor=None, verb="end sign-in", target=row.user, change={"reason": [None, ended["reason"]]})


def verify(*, token: str) -> User:
    """Return whose token this is, of any kind, when it is good now by the word of the database.

    Raises:
        BadToken: it is not.
    """
    return standing.looked_up(tokens.read(token)).user()


@transaction.atomic
def sign_out(*, refresh: str = "", access: str = "", now: datetime) -> None:
    """End the sign-in that tokens come from: all of its tokens are worthless; this may be repeated.

    Raises:
        BadToken: one is not ours, of the wrong kind, or has expired.
    """
    given = {tokens.REFRESH: refresh, tokens.ACCESS: access}
    for claims in [tokens.read(text, kind) for kind, text in given.items() if text]:
        person = _known(claims)
        _, first = RevokedToken.objects.get_or_create(
            jti=claims.family,
            defaults={"user": person, "revoked_by": person, "reason": "signed out", "expires_at": _last_expiry(now)},
        )
        standing.recall(claims.family)
        if first:
            audit.record(actor=person, verb="sign out", target=person)


@transaction.atomic
def revoke_token(*, token: str, reason: str, actor: User, now: datetime) -> RevokedToken:
    """Make a token worthless, with every other one of the same sign-in.

    Returns:
        What stands on the list for it; as it was when it was there already.

    Raises:
        Invalid: it is not ours, or has expired; ``fields`` names ``token``.
    """
    try:
        claims = tokens.read(token)
        person = _known(claims)
    except BadToken as problem:
        raise Invalid(problem.message, fields={"token": problem.message}) from problem
    if claims.family != claims.jti:
        _revoke(claims.family, reason, actor, _last_expiry(now), person)
    return _revoke(claims.jti, reason, actor, _expiry(claims), person)


@transaction.atomic
def revoke_id(*, jti: str, reason: str, actor: User, now: datetime) -> RevokedToken:
    """Make the token of this id worthless, or all of a sign-in when it is the id (``sid``) of one."""
    return _revoke(jti, reason, actor, _last_expiry(now), None)


def _revoke(jti: str, reason: str, actor: User, expires_at: datetime, user: User | None) -> RevokedToken:
    row, first = RevokedToken.objects.get_or_create(
        jti=jti, defaults={"user": user, "revoked_by": actor, "reason": reason, "expires_at": expires_at}
    )
    standing.recall(jti)
    if first:
        audit.record(actor=actor, verb="revoke", target=row, change={"jti": [None, jti], "reason": [None, reason]})
    return row


@transaction.atomic
def revoke_all(*, user: User, reason: str, api_keys: bool, actor: User, now: datetime) -> None:
    """End every token and session of a person, whoever holds it, and their API keys too where ``api_keys`` says so."""
    User.objects.filter(pk=user.pk).update(token_generation=F("token_generation") + 1)
    user.refresh_from_db(fields=["token_generation"])
    standing.recall(user.pk)
    publish(topic=f"person:{user.pk}", kind="standing")
    audit.record(actor=actor, verb="revoke tokens", target=user, change={"reason": [None, reason]})
    for key in user.api_keys.filter(revoked_at=None) if api_keys else ():
        revoke_key(key=key, actor=actor, now=now)


def forget_expired(*, now: datetime) -> int:
    """Take what has expired off the list of revoked tokens, in batches; return how many."""
    gone = 0
    while True:
        batch = RevokedToken.objects.expired(now).order_by("expires_at").values("pk")[:BATCH]
        deleted, _ = RevokedToken.objects.filter(pk__in=batch).delete()
        gone += deleted
        if deleted < BATCH:
            return gone


@transaction.atomic
def create_key(
    *,
    name: str,
    user: User,
    scope: str,
    actor: User | None,
    now: datetime,
    expires_at: datetime | None = None,
    rate_limit: int | None = None,
) -> tuple[ApiKey, str]:
    """Make an API key that acts for a person, and return it with its secret, which is told this once.

    Args:
        rate_limit: requests a minute; None for that of its scope or role.

    Raises:
        Invalid: it could never be used: its person may not do what it is for, or it has expired; or a value breaks a
            rule; names the field.
    """
    if not user.is_active:
        raise Invalid("This person may not sign in.", fields={"user": "This person may not sign in."})
    if expires_at is not None and expires_at <= now:
        raise Invalid("expires_at is in the past.", fields={"expires_at": "This is in the past."})
    _require_useful(scope, user)
    secret = apikeys.new_secret()
    key = ApiKey(name=name, user=user, scope=scope, expires_at=expires_at, rate_limit=rate_limit)
    key.prefix, key.digest = secret[: apikeys.SHOWN], apikeys.digest(secret)
    try:
        key.clean_fields(exclude=["user"])
    except ValidationError as problem:
        raise Invalid.of(problem.message_dict) from problem
    key.save(force_insert=True)
    said = {"name": [None, name], "scope": [None, scope], "user": [None, str(user.pk)]}
    audit.record(actor=actor, verb="create", target=key, change=said)
    return key, secret


@transaction.atomic
def revoke_key(*, key: ApiKey, actor: User | None, now: datetime) -> ApiKey:
    """Make an API key worthless at once and for good; this may be repeated."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        key.revoked_at = now
        audit.record(actor=actor, verb="revoke", target=key)
    standing.recall(key.pk)
    return key


def mark_used(*, key: apikeys.KeyFacts, now: datetime) -> None:
    """Note that an API key is in use, at most once a minute."""
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - MINUTE)
    ApiKey.objects.filter(stale, pk=key.id).update(last_used_at=now)


def _require_useful(scope: str, user: User) -> None:
    if scope not in Scope.values:
        raise Invalid(f"There is no scope {scope}.", fields={"scope": f"One of {', '.join(Scope.values)}."})
    if scope == Scope.INGEST and not may(user, "create", "event"):
        said = f"{user.username} may not create events, so a key of theirs could not either."
        raise Invalid(said, fields={"scope": said})


def _known(claims: Claims) -> User:
    """Return whose a token is.

    Raises:
        BadToken: nobody's any more, as when a backup from before they came was restored.
    """
    person = User.objects.filter(pk=claims.person).first()
    if person is None:
        raise BadToken("There is nobody whose token this is.")
    return person


def _expiry(claims: Claims) -> datetime:
    return datetime.fromtimestamp(claims.expires, tz=timezone.get_default_timezone())


def _last_expiry(now: datetime) -> datetime:
    """Return when the last token of a sign-in is worthless in any case, also one that is being made right now."""
    lasts: timedelta = api_settings.REFRESH_TOKEN_LIFETIME + api_settings.ACCESS_TOKEN_LIFETIME
    return now + lasts
