"""Second factors: turned on, asked for at the API, hard to guess, sealed at rest, taken away."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts import factors, secondfactor
from accounts.models import AuditEntry, User
from accounts.secondfactor import WrongCode
from accounts.tests.factories import PASSWORD, code_at, give_second_factor
from accounts.throttling import TooMany
from rcaplatform.kit.errors import Conflict, Invalid

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, 12, 0, 10, tzinfo=UTC)
STEP = timedelta(seconds=30)
# RFC 6238, appendix B: the key "12345678901234567890" in base 32, and the last six digits of its SHA-1 values.
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # pragma: allowlist secret
RFC_VALUES = [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]


@pytest.fixture
def secret(engineer: User) -> str:
    """The engineer's, turned on long ago."""
    return give_second_factor(engineer, NOW - timedelta(days=1))[0]


def sign_in(person: User, **more: Any) -> Any:
    return APIClient().post("/api/v1/auth/token", {"username": person.username, "password": PASSWORD, **more})


@pytest.mark.parametrize(("at", "code"), RFC_VALUES)
def test_codes_are_those_of_the_standard(at: int, code: str) -> None:
    assert secondfactor.step_of(RFC_SECRET, code, datetime.fromtimestamp(at, UTC)) == at // 30


@pytest.mark.parametrize(("late", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_clocks_may_differ_by_one_step(engineer: User, secret: str, late: int, good: bool) -> None:
    code = code_at(secret, NOW + late * STEP)
    if good:
        secondfactor.prove(user=engineer, code=code, now=NOW)
    else:
        with pytest.raises(WrongCode):
            secondfactor.prove(user=engineer, code=code, now=NOW)


def test_a_code_is_good_once_and_none_from_before_it_is_good_afterwards(engineer: User, secret: str) -> None:
    secondfactor.prove(user=engineer, code=code_at(secret, NOW), now=NOW)
    for code in (code_at(secret, NOW), code_at(secret, NOW - STEP)):
        with pytest.raises(WrongCode):
            secondfactor.prove(user=engineer, code=code, now=NOW)
    secondfactor.prove(user=engineer, code=code_at(secret, NOW + STEP), now=NOW + STEP)


def test_the_code_it_was_turned_on_with_is_used_up(engineer: User) -> None:
    secret, _ = give_second_factor(engineer, NOW)
    with pytest.raises(WrongCode):
        secondfactor.prove(user=engineer, code=code_at(secret, NOW), now=NOW)


def test_spaces_in_a_code_do_not_matter(engineer: User, secret: str) -> None:
    code = code_at(secret, NOW)
    secondfactor.prove(user=engineer, code=f" {code[:3]} {code[3:]} ", now=NOW)


@pytest.mark.parametrize("code", ["", "12345", "abcdef", "\N{ARABIC-INDIC DIGIT ONE}" * 6, "0" * 20, "-1"])
def test_what_is_no_code_is_refused(engineer: User, secret: str, code: str) -> None:
    with pytest.raises(WrongCode):
        secondfactor.prove(user=engineer, code=code, now=NOW)


def test_a_recovery_code_is_good_once(engineer: User) -> None:
    _, codes = give_second_factor(engineer, NOW - timedelta(days=1))
    assert len(set(codes)) == 10
    secondfactor.prove(user=engineer, code=codes[3], now=NOW)
    assert secondfactor.recovery_codes_left(engineer) == 9
    with pytest.raises(WrongCode):
        secondfactor.prove(user=engineer, code=codes[3], now=NOW)


def test_new_recovery_codes_make_the_old_ones_worthless(engineer: User) -> None:
    _, old = give_second_factor(engineer, NOW - timedelta(days=1))
    new = secondfactor.renew_recovery_codes(user=engineer)
    with pytest.raises(WrongCode):
        secondfactor.prove(user=engineer, code=old[0], now=NOW)
    secondfactor.prove(user=engineer, code=new[0], now=NOW)


def test_guessing_is_slowed_down_by_the_database_itself(engineer: User, secret: str) -> None:
    for _ in range(5):
        with pytest.raises(WrongCode):
            secondfactor.prove(user=engineer, code="000000", now=NOW)
    with pytest.raises(TooMany) as refused:
        secondfactor.prove(user=engineer, code=code_at(secret, NOW), now=NOW)
    assert refused.value.seconds == 60
    later = NOW + timedelta(seconds=61)
    with pytest.raises(WrongCode):
        secondfactor.prove(user=engineer, code="000000", now=later)
    with pytest.raises(TooMany) as refused:
        secondfactor.prove(user=engineer, code="000000", now=later)
    assert refused.value.seconds == 120
    assert AuditEntry.objects.filter(verb="refuse code", target_id=str(engineer.pk)).count() == 2


def test_one_waits_an_hour_at_most_and_a_right_code_begins_anew(engineer: User, secret: str) -> None:
    row = Authenticator.objects.get(user=engineer, type="totp")
    row.data |= {"wrong": 400, "wrong_at": NOW.timestamp()}
    row.save()
    later = NOW + timedelta(seconds=3_601)
    secondfactor.prove(user=engineer, code=code_at(secret, later), now=later)
    with pytest.raises(WrongCode):
        secondfactor.prove(user=engineer, code="000000", now=later)


def test_secrets_are_sealed_at_rest(engineer: User) -> None:
    secret, codes = give_second_factor(engineer, NOW)
    kept = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in kept
    assert not [code for code in codes if code in kept]


def test_it_is_turned_on_by_a_code_of_its_own_and_once(engineer: User) -> None:
    secret = secondfactor.new_secret()
    with pytest.raises(Invalid):
        secondfactor.turn_on(user=engineer, secret=secret, code="000000", now=NOW)
    assert not factors.is_on(engineer)
    give_second_factor(engineer, NOW)
    with pytest.raises(Conflict):
        give_second_factor(engineer, NOW)


def test_what_is_done_with_it_is_on_record(engineer: User, admin: User, secret: str) -> None:
    secondfactor.renew_recovery_codes(user=engineer)
    secondfactor.turn_off(user=engineer, actor=admin)
    secondfactor.turn_off(user=engineer, actor=admin)
    told = AuditEntry.objects.filter(target_id=str(engineer.pk)).order_by("id").values_list("verb", "actor__username")
    assert list(told) == [
        ("turn on second factor", "engineer"),
        ("revoke tokens", "engineer"),
        ("renew recovery codes", "engineer"),
        ("turn off second factor", "admin"),
    ]


def test_the_api_asks_for_the_code_once_the_password_is_right(engineer: User, secret: str) -> None:
    asked = sign_in(engineer)
    assert (asked.status_code, asked.json()["code"]) == (401, "second_factor_required")
    assert asked["WWW-Authenticate"]
    wrong = sign_in(engineer, password="wrong")
    assert wrong.json()["detail"] == "No active account has this username and password."


def test_the_api_gives_tokens_for_password_and_code(engineer: User, secret: str) -> None:
    with time_machine.travel(NOW, tick=False):
        wrong = sign_in(engineer, code="000000")
        assert (wrong.status_code, wrong.json()["code"]) == (401, "bad_code")
        assert sign_in(engineer, code=code_at(secret, NOW)).status_code == 200
        assert sign_in(engineer, code=code_at(secret, NOW)).status_code == 401


def test_the_api_slows_down_who_guesses_codes(engineer: User, secret: str) -> None:
    with time_machine.travel(NOW, tick=False):
        answers = [sign_in(engineer, code="000000") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert answers[-1]["Retry-After"] == "60"


def test_who_has_no_second_factor_may_send_a_code_all_the_same(engineer: User) -> None:
    assert sign_in(engineer, code="000000").status_code == 200


def test_passwords_can_be_switched_off_for_the_api_too(engineer: User, settings: Settings) -> None:
    settings.PASSWORD_SIGN_IN = False
    refused = sign_in(engineer)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
