"""What is blanked in logs and exports, as tables of truth; and what a line of the log still says."""

import io
import json
import logging
import time
from contextlib import redirect_stdout
from typing import Any

import pytest
import structlog

from rcaplatform.kit.logging import configure, without_secrets
from rcaplatform.kit.redaction import BLANK, redacted, without_people
from rcaplatform.kit.redaction import without_secrets as blanked

SECRET = "hunter2"
KEY = "rca_" + "a1B2-" * 6
HEADER, CLAIMS = "eyJhbGciOiJSUzI1NiJ9", "eyJzdWIiOiJqb2UifQ"
JWT = f"{HEADER}.{CLAIMS}.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"refused {KEY} twice", f"refused {BLANK} twice"),
        (f"token {JWT}, expired", f"token {BLANK}, expired"),
        ("GET with Bearer 0123456789abcdef", f"GET with Bearer {BLANK}"),
        (
            f"git clone https://joe:{SECRET}@git.example/x.git",
            f"git clone https://{BLANK}@git.example/x.git",
        ),
        ("redis://:hunter2@cache:6379/0", f"redis://{BLANK}@cache:6379/0"),
        ("host=db password=hunter2 user=rca", f"host=db password={BLANK} user=rca"),
        ("{'password': 'hunter 2', 'page': 1}", f"{{'password': {BLANK}, 'page': 1}}"),
        ('{"api_key": "hunter2"}', f'{{"api_key": {BLANK}}}'),
        ("/hook?token=hunter2&page=2", f"/hook?token={BLANK}&page=2"),
        (
            f"https://hooks.slack.com/services/T0/B0/{SECRET}",
            f"https://hooks.slack.com/services/{BLANK}",
        ),
        ("glpat-0123456789abcdef", BLANK),
        ("Authorization: Token hunter2", f"Authorization: {BLANK}"),
        ("authorization=Splunk hunter2, refused", f"authorization={BLANK}, refused"),
        ("Authorization: Bearer hunter2", f"Authorization: {BLANK}"),
        (f"token={JWT}&page=2", f"token={BLANK}&page=2"),
        ("Not Found: /unsubscribe/eyJh:hunter2", f"Not Found: /unsubscribe/{BLANK}"),
        ("GET /api/v1/events", "GET /api/v1/events"),
        ("https://host.example/a@b", "https://host.example/a@b"),
        ("the key of the house, and a token of thanks", "the key of the house, and a token of thanks"),
    ],
)
def test_a_secret_in_a_text_is_blanked_and_the_rest_stays(said: str, told: str) -> None:
    assert blanked(said) == told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("joe.doe+x@shop.example fixed it", f"{BLANK} fixed it"),
        ("from 10.1.2.3.", f"from {BLANK}."),
        ("10.1.2.3:52344 to 10.1.2.4:443: reset", f"{BLANK}:52344 to {BLANK}:443: reset"),
        ("at [2001:db8::7]:443", f"at [{BLANK}]:443"),
        ("a :: b, version 1.2.3.4.5", "a :: b, version 1.2.3.4.5"),
        ("from 2001:db8::7 at 12:30:11", f"from {BLANK} at 12:30:11"),
        ("version 1.2.3 at 2026-03-01T12:00:00Z", "version 1.2.3 at 2026-03-01T12:00:00Z"),
        ("0199e7b2-7e5f-7000-8000-abcdefabcdef", "0199e7b2-7e5f-7000-8000-abcdefabcdef"),
        ("password=hunter2", f"password={BLANK}"),
    ],
)
def test_people_in_a_text_are_blanked_and_the_rest_stays(said: str, told: str) -> None:
    assert without_people(said) == told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"Password": "x", "name": "y"}, {"Password": BLANK, "name": "y"}),
        ({"headers": [{"Set-Cookie": "a=b"}, {"Accept": "c"}]}, {"headers": [{"Set-Cookie": BLANK}, {"Accept": "c"}]}),
        (
            {"db_password": "x", "clientSecret": "y", "X-Auth-Token": "z", "monkey": "m"},
            {
                "db_password": BLANK,
                "clientSecret": BLANK,
                "X-Auth-Token": BLANK,
                "monkey": "m",
            },
        ),
        ({"token": {"nested": 1}, "tokens": 3}, {"token": BLANK, "tokens": 3}),
        ({"password": "", "secret": None}, {"password": "", "secret": None}),
        ([1, 2.5, True, None], [1, 2.5, True, None]),
        ({True: 1, 2: "x"}, {True: 1, 2: "x"}),
    ],
)
def test_a_field_that_holds_a_secret_is_blanked_whatever_it_looks_like(given: Any, told: Any) -> None:
    assert redacted(given) == told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"joe@shop.example": 1, "page": 2}, {BLANK: 1, "page": 2}),
        ({"a@b.example": 1, "page": 2, "10.0.0.1": 3, KEY: 4}, {BLANK: 1, "page": 2, f"{BLANK} 2": 3, f"{BLANK} 3": 4}),
        ({"10.0.0.1:80": 1, "10.0.0.2:80": 2, "10.0.0.3": 3}, {f"{BLANK}:80": 1, f"{BLANK}:80 2": 2, BLANK: 3}),
        ({"a@b.example": 1, BLANK: 2, "c@d.example": 3}, {f"{BLANK} 2": 1, BLANK: 2, f"{BLANK} 3": 3}),
        ({"a@b.example": 1, "10.0.0.1": 2, f"{BLANK} 2": 3}, {BLANK: 1, f"{BLANK} 3": 2, f"{BLANK} 2": 3}),
        ({"a@b.example": 1, "10.0.0.1": 2, "10.0.0.1 2": 3}, {BLANK: 1, f"{BLANK} 2": 2, f"{BLANK} 2 2": 3}),
        ([{"in": {"a@b.example": {"10.0.0.1": [KEY]}}}], [{"in": {BLANK: {BLANK: [BLANK]}}}]),
        ({"a@b.example_password": "x", "10.0.0.1": "a@b.example"}, {f"{BLANK}_password": BLANK, BLANK: BLANK}),
    ],
)
def test_the_name_of_a_field_is_blanked_and_none_loses_its_value(given: Any, told: Any) -> None:
    blanked = redacted(given, without_people)
    assert blanked == told
    assert str(blanked) == str(told), "in the same order"


def test_a_secret_in_the_name_of_a_field_is_blanked_in_a_log_and_an_address_stays() -> None:
    line = {"event": "x", "given": {KEY: 1, "password=hunter2": 2, "joe@shop.example": 3}}
    told = {BLANK: 1, f"password={BLANK}": 2, "joe@shop.example": 3}
    assert without_secrets(None, "", line)["given"] == told


def test_many_names_that_become_one_are_numbered_in_a_line() -> None:
    given: Any = {f"{number}@shop.example": number for number in range(20_000)}
    for _ in range(8):
        given = {"a@b.example": given, "c@d.example": None}
    began = time.process_time()
    told = redacted(given, without_people)
    assert time.process_time() - began < 4
    assert str(told).count(BLANK) == 20_016


def test_what_nests_without_end_is_blanked_whole() -> None:
    deep: Any = "joe"
    for _ in range(100):
        deep = {"a": deep}
    assert "joe" not in str(redacted(deep))


def test_a_long_text_of_beginnings_is_read_in_a_line() -> None:
    began = time.process_time()
    without_people("eyJaaaaaaaa-" * 20_000)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "line",
    [
        {"event": "x", "api_key": "hunter2"},
        {"event": "x", "given": {"headers": {"Authorization": "hunter2"}}},
        {"event": "x", "why": ValueError("password=hunter2")},
        {"event": f"clone of https://joe:{SECRET}@git.example failed"},
    ],
)
def test_a_line_of_the_log_is_told_without_its_secret(line: dict[str, Any]) -> None:
    told = without_secrets(None, "", dict(line))
    assert "hunter2" not in str(told)
    assert BLANK in str(told)


def test_neither_way_to_the_log_tells_a_secret_of_an_error() -> None:
    handlers, level, configured = logging.getLogger().handlers, logging.getLogger().level, structlog.get_config()
    written = io.StringIO()
    try:
        with redirect_stdout(written):
            configure(level="INFO", console=False)
            try:
                int(f"DSN postgres://rca:{SECRET}@db/rca")
            except ValueError:
                structlog.get_logger("a.test").exception("ours.failed", token="hunter2")
                logging.getLogger("of.a.library").exception("theirs failed with token=%s", "hunter2")
    finally:
        logging.getLogger().handlers = handlers
        logging.getLogger().setLevel(level)
        structlog.configure(**configured)
    ours, theirs = map(json.loads, written.getvalue().splitlines())
    assert ours["event"] == "ours.failed"
    assert "ValueError" in ours["exception"]
    assert "ValueError" in theirs["exception"]
    assert "hunter2" not in written.getvalue()
