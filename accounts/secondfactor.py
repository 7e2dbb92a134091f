"""Deeds about second factors: turned on, asked for, taken away.

django-allauth keeps them (`allauth.mfa`) and draws the secret. What opens them is sealed by us; and that a code is good
once, and how often one was guessed wrong, stands in the database under a lock: Redis may be lost at any time.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import qrcode
from allauth.mfa import app_settings
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import format_hotp_value, generate_totp_secret, hotp_value
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.crypto import constant_time_compare

from accounts import audit, credentials, factors
from accounts.factors import FactorNeeded
from accounts.models import User
from accounts.throttling import TooMany
from rcaplatform.kit.errors import Conflict, DomainError, Invalid
from rcaplatform.kit.sealing import seal, unseal

PERIOD = 30  # seconds one code stands for, RFC 6238
FREE = 5  # wrong codes before one has to wait
MINUTE, HOUR = 60, 3_600


class CodeNeeded(DomainError):
    """The password is right; send the code of the second factor along as well."""

    status, code = 401, "second_factor_required"

    def __init__(self) -> None:
        super().__init__("This account has a second factor: send its code, or a recovery code, as `code`.")


class WrongCode(DomainError):
    """This code is not the one of now, or was used before."""

    status, code = 401, "bad_code"

    def __init__(self) -> None:
        super().__init__("This code is wrong, or was used before. Wait for the next one.")


class Adapter(DefaultMFAAdapter):  # type: ignore[misc]  # has no types
    """What allauth asks its host for."""

    def encrypt(self, text: str) -> str:
        """Seal a secret."""
        return seal({"secret": text}).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Open a sealed one."""
        return unseal(encrypted_text.encode())["secret"]

    def get_totp_label(self, user: Any) -> str:
        """Name the account in the list of an authenticator."""
        return str(user.username)

    def get_totp_issuer(self) -> str:
        """Name this installation there."""
        return f"RCA Platform {urlsplit(settings.SITE_URL).hostname}"


def new_secret() -> str:
    """Return a secret for an authenticator: 160 random bits in base 32."""
    return str(generate_totp_secret())


@dataclass(frozen=True, slots=True)
class Drawing:
    """A secret as a telephone reads it: a path of squares on a square of ``size``, and the address it stands for."""

    path: str
    size: int


def drawing(user: User, secret: str) -> Drawing:
    """Return what a telephone photographs."""
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M)
    code.add_data(Adapter().build_totp_url(user, secret))
    squares = code.get_matrix()  # with its quiet border
    dark = [(x, y) for y, row in enumerate(squares) for x, is_dark in enumerate(row) if is_dark]
    return Drawing("".join(f"M{x} {y}h1v1h-1z" for x, y in dark), len(squares))


@transaction.atomic
def turn_on(*, user: User, secret: str, code: str, now: datetime) -> list[str]:
    """Ask somebody for codes of this secret from now on; return their recovery codes, which are told this once.

    Their tokens and sessions end: none of them was made with a code.

    Raises:
        Invalid: the code is not one of the secret's; ``fields`` names ``code``.
        Conflict: they have a second factor.
    """
    step = step_of(secret, code, now)
    if step is None:
        said = "This is not the code that the secret gives now. Is the clock of the telephone right?"
        raise Invalid(said, fields={"code": said})
    data = {"secret": Adapter().encrypt(secret), "step": step}
    try:
        with transaction.atomic():
            Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data=data)
    except IntegrityError as problem:
        raise Conflict("The second factor is on already.") from problem
    audit.record(actor=user, verb="turn on second factor", target=user)
    credentials.revoke_all(user=user, reason="second factor turned on", api_keys=False, actor=user, now=now)
    return _fresh_codes(user)


@transaction.atomic
def turn_off(*, user: User, actor: User | None) -> None:
    """Ask somebody for no code any more; this may be repeated.

    Raises:
        FactorNeeded: it is their own, and their role needs one.
    """
    if actor == user and factors.is_required(user):
        raise FactorNeeded(user, "It stays on.")
    gone, _ = Authenticator.objects.filter(user=user).delete()
    if gone:
        audit.record(actor=actor, verb="turn off second factor", target=user)


@transaction.atomic
def renew_recovery_codes(*, user: User) -> list[str]:
    """Return new recovery codes, which are told this once; the old ones are worthless.

    Raises:
        Conflict: there is no second factor to recover.
    """
    if not factors.is_on(user):
        raise Conflict("The second factor is off.")
    audit.record(actor=user, verb="renew recovery codes", target=user)
    return _fresh_codes(user)


def _fresh_codes(user: User) -> list[str]:
    Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
    return list(RecoveryCodes.activate(user).generate_codes())


def recovery_codes_left(user: User) -> int:
    """Return how many recovery codes somebody has not used."""
    row = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    used = row.data["used_mask"].bit_count() if row else app_settings.RECOVERY_CODE_COUNT
    return int(app_settings.RECOVERY_CODE_COUNT - used)


def prove(*, user: User, code: str, now: datetime) -> None:
    """Return when ``code`` is the one of now, or a recovery code; either is good once.

    Not to be called within a transaction that an error takes back: a wrong code would not count. After five of them in
    a row one waits a minute, then two, then four, an hour at most, from wherever one tries.

    Raises:
        WrongCode: it is neither.
        TooMany: there were too many wrong ones; says how long to wait.
    """
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().filter(user=user, type=Authenticator.Type.TOTP).first()
        if row is None:  # taken away meanwhile
            return
        if wait := _wait(row.data, now):
            raise TooMany(wait)
        right = _fits(row, "".join(code.split()), now)
        row.data |= {"wrong": 0} if right else {"wrong": row.data.get("wrong", 0) + 1, "wrong_at": now.timestamp()}
        row.last_used_at = now if right else row.last_used_at
        row.save(update_fields=["data", "last_used_at"])
        if not right and row.data["wrong"] >= FREE:
            audit.record(actor=None, verb="refuse code", target=user, change={"wrong": [None, row.data["wrong"]]})
    if not right:
        raise WrongCode


def _fits(row: Authenticator, code: str, now: datetime) -> bool:
    step = step_of(Adapter().decrypt(row.data["secret"]), code, now)
    if step is not None:
        if step <= row.data["step"]:
            return False
        row.data["step"] = step
        return True
    spare = Authenticator.objects.filter(user=row.user_id, type=Authenticator.Type.RECOVERY_CODES).first()
    return spare is not None and RecoveryCodes(spare).validate_code(code)


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step that a code belongs to: the present one, or one beside it, as clocks differ."""
    present = int(now.timestamp()) // PERIOD
    for step in (present, present - 1, present + 1):
        if constant_time_compare(format_hotp_value(hotp_value(secret, step)), "".join(code.split())):
            return step
    return None


def _wait(data: dict[str, Any], now: datetime) -> int:
    """Return for how many seconds no code is looked at."""
    wrong = data.get("wrong", 0)
    if wrong < FREE:
        return 0
    pause = min(MINUTE * 2 ** min(wrong - FREE, 10), HOUR)
    return max(0, int(data["wrong_at"] + pause - now.timestamp()))
