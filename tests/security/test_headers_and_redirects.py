"""What a browser is told in headers: nothing that somebody wrote makes a new one, and nothing leads to another site."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient
from structlog.stdlib import ProcessorFormatter

from accounts.models import User
from accounts.tests.factories import PASSWORD
from connectors.tests.factories import ConnectorFactory
from investigations.tests.factories import InvestigationFactory, SavedViewFactory
from tests.security.hostile import LINE_ENDS

pytestmark = pytest.mark.django_db
ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "http:evil.example",
    "https:///evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "/%09/evil.example",
    "\t//evil.example",
    "http://testserver@evil.example/",
    "http://testserver.evil.example/",
]
# Referrers that this site's own pages may have, whose path a browser would read as another host.
REFERRERS = [
    "http://testserver//evil.example/x",
    "http://testserver/\\evil.example/x",
    "http://testserver///evil.example",
]


def host_of(address: str) -> str:
    """Return the host a browser would go to: it takes backslashes for slashes and leaves out tabs and line ends."""
    read = address.strip().replace("\\", "/").translate({9: None, 10: None, 13: None})
    parts = urlsplit(f"http:{read}" if read.startswith("//") else read)
    return parts.netloc or ("" if parts.scheme in {"", "http", "https"} else parts.scheme)


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_signing_in_leads_to_no_other_site(client: Client, engineer: User, elsewhere: str) -> None:
    form = {"username": engineer.username, "password": PASSWORD, "next": elsewhere}
    answer = client.post(f"{reverse('sign-in')}?next={elsewhere}", form)
    assert (answer.status_code, host_of(answer["Location"])) == (302, "")


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_who_is_signed_in_already_is_led_to_no_other_site(client: Client, engineer: User, elsewhere: str) -> None:
    client.force_login(engineer)
    answer = client.get(reverse("sign-in"), {"next": elsewhere})
    assert (answer.status_code, host_of(answer["Location"])) == (302, "")


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_signing_out_leads_to_no_other_site(client: Client, engineer: User, elsewhere: str) -> None:
    client.force_login(engineer)
    answer = client.post(reverse("sign-out"), {"next": elsewhere})
    assert (answer.status_code, host_of(answer["Location"])) == (302, "")


@pytest.mark.parametrize("referrer", [*REFERRERS, "https://evil.example/investigations/"])
def test_one_is_led_back_to_a_page_of_this_site_alone(client: Client, engineer: User, referrer: str) -> None:
    view = SavedViewFactory(owner=engineer)
    client.force_login(engineer)
    answer = client.post(reverse("view-delete", args=[view.pk]), headers={"Referer": referrer})
    assert (answer.status_code, host_of(answer["Location"])) == (302, "")


@pytest.mark.parametrize("referrer", REFERRERS)
def test_the_way_back_from_an_error_leads_to_a_page_of_this_site_alone(
    client: Client, engineer: User, referrer: str
) -> None:
    client.force_login(engineer)
    answer = client.post(reverse("view-save"), {"name": "", "query": "x"}, headers={"Referer": referrer})
    assert (answer.status_code, host_of(str(answer.context["back"]))) == (400, "")


@pytest.mark.parametrize("referrer", REFERRERS)
def test_who_must_sign_in_first_is_not_led_elsewhere_afterwards(client: Client, referrer: str) -> None:
    answer = client.post(reverse("view-save"), {}, headers={"Referer": referrer})
    following = parse_qs(urlsplit(answer["Location"]).query)["next"][0]
    assert host_of(following) == ""


@pytest.mark.parametrize("path", ["//evil.example", "/%5Cevil.example", "//evil.example/..", "/%2Fevil.example/"])
def test_an_address_that_is_mended_stays_on_this_site(client: Client, path: str) -> None:
    for prefix in ("", "/api", "/investigations"):
        answer = client.get(f"{prefix}{path}")
        assert host_of(answer.headers.get("Location", "")) == ""


@pytest.mark.parametrize("line_end", LINE_ENDS)
def test_a_request_id_with_a_line_end_is_not_sent_back(client: Client, line_end: str) -> None:
    answer = client.get("/healthz", headers={"X-Request-Id": f"harmless-id{line_end}Set-Cookie: evil=1"})
    assert "evil" not in answer["X-Request-Id"]
    assert not answer.has_header("Set-Cookie")


@pytest.mark.parametrize("line_end", LINE_ENDS)
def test_no_parameter_of_a_list_ends_a_header(api: Any, engineer: User, line_end: str) -> None:
    for number in range(2):
        InvestigationFactory(title=f"pool {number}")
    answer = api(engineer).get("/api/v1/investigations", {"per_page": "1", "service": f"x{line_end}Set-Cookie: evil=1"})
    raw = "".join(f"{name}: {value}" for name, value in answer.headers.items())
    assert answer.status_code in {200, 400}
    assert not set(raw) & {"\r", "\n"}
    assert not answer.has_header("Set-Cookie")


@pytest.mark.parametrize("line_end", LINE_ENDS)
def test_no_address_ends_the_header_that_leads_on(client: Client, line_end: str) -> None:
    answer = client.get("/api/x", {"q": f"{line_end}Set-Cookie: evil=1"})
    assert answer.status_code == 308
    assert not set(answer["Location"]) & {"\r", "\n"}


def test_a_handshake_repeats_no_origin_that_ends_a_header() -> None:
    ConnectorFactory(name="cloud", kind="cloudevents", config={}, secret={"secret": "x" * 32})
    client = Client(raise_request_exception=False)
    answer = client.options("/hooks/cloud", headers={"WebHook-Request-Origin": "x\r\nSet-Cookie: evil=1"})
    assert not answer.has_header("Set-Cookie")
    assert "\n" not in answer.headers.get("WebHook-Allowed-Origin", "")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the log writes, as it writes it."""
    handlers = [one for one in logging.getLogger().handlers if isinstance(one.formatter, ProcessorFormatter)]
    (handler,) = (one for one in handlers if isinstance(one, logging.StreamHandler))
    before = handler.setStream(caught := io.StringIO())
    yield caught
    handler.setStream(before)


@pytest.mark.parametrize("line_end", LINE_ENDS)
def test_a_forged_line_stays_within_the_line_of_its_request(
    client: Client, written: io.StringIO, line_end: str
) -> None:
    client.get(f'/nowhere{line_end}{{"event": "forged", "level": "critical"}}')
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [line["event"] for line in lines if line["logger"] == "rcaplatform.request"] == ["request"]
    assert "forged" not in {line["event"] for line in lines}


def test_a_host_that_is_not_ours_is_refused(api: Any) -> None:
    answer = APIClient().get("/api/v1", headers={"Host": "evil.example"})
    assert answer.status_code == 400


def test_a_list_builds_its_links_with_no_host_that_a_proxy_did_not_vouch_for(api: Any, engineer: User) -> None:
    for number in range(2):
        InvestigationFactory(title=f"pool {number}")
    answer = api(engineer).get("/api/v1/investigations?per_page=1", headers={"X-Forwarded-Host": "evil.example"})
    assert "evil.example" not in answer["Link"] + answer.content.decode()
