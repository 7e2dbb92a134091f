"""Drafts of the assistant over the API: asked for, watched, taken, discarded; off unless a model is named."""

from collections.abc import Callable

import pytest
from django.utils import timezone
from pytest_django import Settings
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from investigations.assistant import drafting
from investigations.assistant.prompt import Prompt, Reply
from investigations.models import Investigation, Note
from investigations.tests.factories import DraftFactory, InvestigationFactory, LinkFactory, ReadyDraftFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


@pytest.fixture
def case() -> Investigation:
    return InvestigationFactory()


@pytest.fixture
def on(settings: Settings) -> None:
    settings.ASSISTANT_URL, settings.ASSISTANT_MODEL = "http://127.0.0.1:11434", "small:1b"


def url(case: Investigation, rest: str = "") -> str:
    return f"/api/v1/investigations/{case.pk}/drafts{rest}"


def test_while_it_is_off_the_answer_says_how_to_turn_it_on(client: APIClient, case: Investigation) -> None:
    refused = client.post(url(case), {"kind": "summary"})
    assert (refused.status_code, refused.json()["code"]) == (409, "assistant_off")
    assert refused.json()["detail"] == "The assistant is not configured: set ASSISTANT_URL."


@pytest.mark.usefixtures("on")
def test_one_is_asked_for_watched_and_taken(client: APIClient, case: Investigation, engineer: User) -> None:
    event = LinkFactory(investigation=case).event
    asked = client.post(url(case), {"kind": "summary"})
    assert (asked.status_code, asked.json()["state"]) == (202, "waiting")
    early = client.post(f"{asked['Location']}/take")
    assert (early.status_code, early.json()["code"]) == (409, "not_ready")
    assert client.get(asked["Location"])["Retry-After"] == "3"

    def model(prompt: Prompt) -> Reply:
        (handle,) = prompt.schema["properties"]["sentences"]["items"]["properties"]["cites"]["items"]["enum"]
        text = f'{{"sentences": [{{"section": "summary", "text": "It failed.", "cites": ["{handle}"]}}]}}'
        return Reply(text=text, model="small:1b")

    drafting.write_next(model=model, now=timezone.now())
    shown = client.get(asked["Location"]).json()
    assert (shown["state"], shown["model"], shown["dropped"]) == ("ready", "small:1b", {})
    assert [cite["id"] for cite in shown["sentences"][0]["cites"]] == [str(event.pk)]
    taken = client.post(f"{asked['Location']}/take")
    assert taken.status_code == 201
    assert taken.json()["author_name"] == engineer.username
    assert client.get(asked["Location"]).json()["note"] == taken.json()["id"]


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize(
    ("body", "name"),
    [({}, "kind"), ({"kind": "poem"}, "kind"), ({"kind": "summary", "model": "x"}, "model")],
)
def test_what_is_wrong_is_named(client: APIClient, case: Investigation, body: dict[str, str], name: str) -> None:
    refused = client.post(url(case), body)
    assert (refused.status_code, list(refused.json()["errors"])) == (400, [name])


def test_a_discarded_one_is_gone(client: APIClient, case: Investigation) -> None:
    draft = ReadyDraftFactory(investigation=case)
    assert client.delete(url(case, f"/{draft.pk}")).status_code == 204
    assert client.get(url(case, f"/{draft.pk}")).status_code == 404
    assert client.get(url(case)).json()["results"] == []


@pytest.mark.parametrize("rest", ["", "/take"])
def test_that_of_another_investigation_is_not_found(client: APIClient, case: Investigation, rest: str) -> None:
    foreign = ReadyDraftFactory()
    method = client.post if rest else client.get
    assert method(url(case, f"/{foreign.pk}{rest}")).status_code == 404
    assert client.delete(url(case, f"/{foreign.pk}")).status_code == 404
    assert not Note.objects.exists()


def test_the_marking_of_a_note_goes_into_every_export(client: APIClient, case: Investigation) -> None:
    draft = ReadyDraftFactory(investigation=case)
    client.post(url(case, f"/{draft.pk}/take"))
    for written_in in ("markdown", "json"):
        export = client.get(f"/api/v1/investigations/{case.pk}/export?format={written_in}").content.decode()
        assert "Drafted by the language model small:1b" in export


def test_a_list_asks_the_same_few_questions_however_long_it_is(
    client: APIClient, case: Investigation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.get(url(case))
    DraftFactory.create_batch(3, investigation=case, state="failed")
    ReadyDraftFactory(investigation=case)
    with django_assert_num_queries(2):  # the case, the page; few rows are not counted
        assert len(client.get(url(case)).json()["results"]) == 4
