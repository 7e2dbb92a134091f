"""Words: what an event can be found and compared by."""

from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.dedupe import GLOBAL, dedupe_key
from events.terms import MAX_CHARACTERS, MAX_READ, event_keywords, keywords, said, vocabulary


@pytest.mark.parametrize(
    ("text", "found_by"),
    [
        ("PaymentError in checkout", {"PaymentError", "Payment", "Error", "checkout"}),
        ("POST /api/v1/pay", {"/api/v1/pay", "api", "v1", "pay", "v1/pay"}),
        ("in services/payments/gateway.py:88:", {"services/payments/gateway.py", "payments/gateway.py", "gateway.py"}),
        ("auth-service2.prod.svc:8080", {"auth-service2", "auth-service2.prod.svc", "8080"}),
        ("https://shop.example.com/api/v7/gift/?id=ORD-7", {"/api/v7/gift", "shop.example.com/api/v7/gift", "ORD-7"}),
        ("localhost:8080/api/pay", {"localhost", "/api/pay"}),
        ("// /: ://", set()),
        ("auth-service down", {"auth-service", "auth", "service"}),
        ("at com.shop.HTTPClient.send", {"HTTPClient", "HTTP", "Client", "shop"}),
        ("3f2a1b0c4d5e6f708192a3b4c5d6e7f8091a2b3c", {"3f2a1b0", "3f2a1b0c", "3f2a1b0c4d5e"}),
    ],
)
def test_an_identifier_is_found_whole_and_by_its_parts(text: str, found_by: set[str]) -> None:
    assert found_by <= set(keywords(text).split())


def words_of(data: dict[str, Any], **more: Any) -> str:
    names: dict[str, Any] = dict.fromkeys(("service", "component", "environment", "source_id", "message"), "")
    return event_keywords(**{**names, "title": "A title", "tags": [], **more}, data=data)


def test_data_speaks_by_its_texts_and_numbers_and_not_by_its_keys() -> None:
    data = {"path": "/api/v1/pay", "took": 0.25, "tries": [3, -7, 10**30], "ok": True, "none": None, "in": {"id": "x9"}}
    assert said(data) == ["/api/v1/pay", "0.25", "3", "-7", str(10**30), "x9"]


def test_a_long_text_leaves_room_for_what_comes_after_it() -> None:
    stack = " ".join(f"frame{number}" for number in range(500))
    found = words_of({"stack": stack, "order": "ORD-778899"}, message="m" * 5_000)
    assert {"ORD-778899", "frame0", "frame60"} <= set(found.split())
    assert "frame37 frame38 frame39" in found
    assert all(f"frame{number} frame{number + 1} frame{number + 2}" in found for number in range(100))


@pytest.mark.parametrize("between", [" ", "\n", "\t  ", '","'])
def test_a_long_text_is_found_by_its_end_however_its_words_are_parted(between: str) -> None:
    text = between.join([*(f"word{number}" for number in range(60)), "ORD-778899"])
    assert "ORD-778899" in words_of({"line": text, "id": "x"}).split()


DEEP: dict[str, Any] = {}
for _ in range(5_000):
    DEEP = {"a": DEEP, "b": "x"}
HUGE: list[dict[str, Any]] = [
    {"list": [[]] * 500_000},
    {"list": [None] * 500_000},
    {"list": [[1] * 1_000] * 1_000},
    {"list": ["word " * 1_000] * 1_000},
    {"text": "wörd/" * 500_000},
    DEEP,
]


@pytest.mark.parametrize("data", HUGE, ids=range(len(HUGE)))
def test_data_costs_no_more_than_is_kept_of_it(data: dict[str, Any]) -> None:
    began = process_time()
    assert sum(map(len, said(data))) <= 15 * MAX_READ
    assert len(words_of(data)) <= MAX_CHARACTERS
    assert process_time() - began < 0.1


def test_what_a_database_refuses_is_replaced() -> None:
    assert words_of({"line": "a\x00b", "half": "\ud800"}) == "A title a\ufffdb ? a b"


@given(st.lists(st.text(), max_size=20))
def test_keywords_are_bounded_whatever_the_text(texts: list[str]) -> None:
    assert len(keywords(*texts, "x " * 3_000)) <= MAX_CHARACTERS


@pytest.mark.parametrize("character", "/.:?@-_ax")
def test_a_word_without_an_end_costs_no_more_than_its_length(character: str) -> None:
    began = process_time()
    keywords(f"a{character}" * 100_000)
    assert process_time() - began < 1


def test_parts_of_paths_are_nothing_new_to_a_vocabulary() -> None:
    text = "services/ledger-core/PostingJob.java at https://shop.example.com/api/v7/gift/?id=ORD-7"
    assert vocabulary(keywords(text)) == vocabulary(text)


def test_a_vocabulary_leaves_out_what_says_nothing() -> None:
    said = vocabulary("The PaymentGateway failed with an error after 400 ms", "payment")
    assert said == {"payment", "gateway"}


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8)), min_size=2, unique=True))
def test_different_testimonies_have_different_keys(triples: list[tuple[str, str, str]]) -> None:
    keys = {dedupe_key(scope=scope, source=source, source_id=told) for scope, source, told in triples}
    assert len(keys) == len(triples)


def test_a_key_is_the_same_in_every_process_and_release() -> None:
    key = dedupe_key(scope=GLOBAL, source="git", source_id="a" * 40)
    assert str(key) == "6adab8e5-544a-90e1-938e-e44b5cecb622"
