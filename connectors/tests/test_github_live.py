"""GitHub as an emulator of its API plays it: it calls our door, signed, is polled too, and each event is kept once.

The emulator has no deployments, so the address in front of it answers for those; and no builds, as it knows no
workflows: their list is asked for and is empty.
"""

import base64
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone

from connectors import services
from connectors.digestion import digest_pending
from connectors.errors import Refused
from connectors.models import Connector, Delivery
from connectors.polling import poll
from connectors.sources import github_polling
from connectors.tests.factories import SECRET
from connectors.tests.peers import Asked, Peer, Reply
from connectors.tests.realpeers import github_emulator
from events.models import Event

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
HOME = "/repos/ada/checkout"
SEED = {
    "tokens": {"t": {"login": "ada", "scopes": ["repo", "admin:repo_hook"]}},
    "github": {
        "users": [{"login": "ada", "name": "Ada", "email": "ada@shop.example"}],
        "repos": [{"owner": "ada", "name": "checkout", "auto_init": True}],
    },
}
# What it calls about, and what became of each call.
CALLS = [
    *(("push", "digested"), ("push", "digested"), ("create", "digested"), ("issues", "digested")),
    *(("pull_request", "digested"), ("pull_request", "digested"), ("release", "digested")),
    *(("check_run", "ignored"), ("check_run", "digested")),
]
CALLED = [
    *("commit", "push", "commit", "push", "branch_created", "issue_opened"),
    *("pull_request_opened", "pull_request_merged", "check_failure", "release"),
]
# The commit that the repository began with and the one that merged; deployments are no part of the emulator.
LISTED_ALONE = ["commit", "commit", "deployment", "deployment_failure"]
PATIENCE = 30


@dataclass(frozen=True)
class GitHub:
    """The emulator, and the address at which the connector finds it."""

    url: str
    front: Peer
    http: httpx.Client

    def __call__(self, method: str, path: str, told: Any = None) -> Any:
        """Do something there as its owner, and return what it answers."""
        answer = self.http.request(method, HOME + path, json=told)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def commit(self, path: str, *, branch: str = "main") -> str:
        """Commit a file and return the hash."""
        content = base64.b64encode(path.encode()).decode()
        answer = self("PUT", f"/contents/{path}", {"message": f"Add {path}", "content": content, "branch": branch})
        return str(answer["commit"]["sha"])

    def calls(self, address: str, secret: str) -> Callable[[], Counter[int | None]]:
        """Have everything told to ``address``; return what counts how its deliveries were answered."""
        config = {"url": address, "secret": secret, "content_type": "json"}
        hook = self("POST", "/hooks", {"events": ["*"], "config": config})["id"]
        return lambda: Counter(one["status_code"] for one in self("GET", f"/hooks/{hook}/deliveries"))


@pytest.fixture
def github() -> Iterator[GitHub]:
    """The emulator behind an address that adds the lists of deployments, which it does not have."""
    front = Peer()
    with front, github_emulator(SEED, known_as=front.url) as peer:
        headers = {"Authorization": "Bearer t"}
        with httpx.Client(base_url=peer.url, headers=headers, trust_env=False) as http:

            def forward(asked: Asked) -> Reply:
                answer = http.get(asked.path, params=asked.queries)
                kept = {name: answer.headers[name] for name in ("Content-Type", "Link") if name in answer.headers}
                return Reply(answer.content, answer.status_code, kept)

            at = timezone.now().isoformat()
            deployment = {"id": 5, "ref": "main", "environment": "live", "created_at": at}
            front.routes |= {
                "*": forward,
                f"{HOME}/deployments": [deployment],
                f"{HOME}/deployments/5/statuses": [{"id": 6, "state": "failure", "created_at": at}],
            }
            yield GitHub(peer.url, front, http)


def connect(url: str) -> Connector:
    values = {"url": url, "token": "t", "secret": SECRET, "repositories": ["ada/checkout"]}
    return services.connect(name="shop", kind="github", values=values, actor=None, now=timezone.now())


def polled(connector: Connector) -> tuple[int, int]:
    """Poll, and return how many events were new and how many records are dead letters."""
    tally = poll(connector=connector, now=timezone.now() + timedelta(seconds=1))
    assert tally
    return tally.stored, tally.dead


def answered(calls: Callable[[], Counter[int | None]], number: int) -> Counter[int | None]:
    """Return how deliveries were answered, once there are so many."""
    ends = time.monotonic() + PATIENCE
    while (told := calls()).total() < number and time.monotonic() < ends:
        time.sleep(0.05)
    return told


def work(github: GitHub) -> None:
    """Let something of each kind happen."""
    main = github.commit("pay.py")
    github("POST", "/git/refs", {"ref": "refs/heads/fix", "sha": main})
    fix = github.commit("fix.py", branch="fix")
    github("POST", "/pulls", {"title": "Fix paying", "head": "fix", "base": "main"})
    github("PUT", "/pulls/1/merge", {"merge_method": "merge"})
    github("POST", "/issues", {"title": "Nobody can pay"})
    check = github("POST", "/check-runs", {"name": "tests", "head_sha": fix, "status": "in_progress"})
    github("PATCH", f"/check-runs/{check['id']}", {"status": "completed", "conclusion": "failure"})
    github("POST", "/releases", {"tag_name": "v1", "name": "First"})


def test_what_it_calls_about_and_what_it_lists_is_kept_once(github: GitHub, live_server: Any) -> None:
    connector = connect(github.front.url)
    calls = github.calls(f"{live_server.url}/hooks/shop", SECRET)
    work(github)
    assert answered(calls, len(CALLS)) == {202: len(CALLS)}
    digest_pending(now=timezone.now())
    assert sorted(Delivery.objects.values_list("event", "state")) == sorted(CALLS)
    assert sorted(Event.objects.values_list("event_type", flat=True)) == sorted(CALLED)
    assert set(Event.objects.values_list("service", flat=True)) == {"checkout"}
    polled(connector)
    assert sorted(Event.objects.values_list("event_type", flat=True)) == sorted([*CALLED, *LISTED_ALONE])
    assert polled(connector) == (0, 0)
    assert f"{HOME}/actions/runs" in github.front.paths()


def test_what_another_signed_is_refused_and_not_kept(github: GitHub, live_server: Any) -> None:
    connect(github.front.url)
    calls = github.calls(f"{live_server.url}/hooks/shop", "guessed")
    github("POST", "/issues", {"title": "Believe me"})
    assert answered(calls, 1) == {401: 1}
    assert not Delivery.objects.exists()


def test_its_pages_are_followed_to_the_last(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(github_polling.Repository, "page", {"per_page": 2})
    connector = connect(github.front.url)
    made = {github.commit(f"{number}.py") for number in range(6)}
    polled(connector)
    commits = set(Event.objects.filter(event_type="commit").values_list("source_id", flat=True))
    assert commits > made
    assert len(commits) == len(made) + 1  # the repository began with one


def test_where_a_list_is_refused_its_owner_is_told_which(github: GitHub) -> None:
    connector = connect(github.url)
    with pytest.raises(Refused, match="deployments"):
        polled(connector)
    connector.refresh_from_db()
    assert connector.is_given_up
    assert "deployments" in connector.last_error
