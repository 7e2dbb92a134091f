"""Composition: does a running installation do what it is for? Asked from outside, over HTTP alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import uuid4

import httpx

TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Step:
    """One question and whether the answer was right."""

    what: str
    good: bool
    said: str


def steps(url: str, *, token: str = "") -> Iterator[Step]:
    """Yield each step, in order.

    Args:
        url: where the installation is, as people know it.
        token: of somebody who may write and delete events; without one nothing is written.

    Raises:
        httpx.InvalidURL: ``url`` is no address.
    """
    with httpx.Client(base_url=url, timeout=TIMEOUT, headers={"User-Agent": "rcaplatform-smoke"}) as asking:
        yield _step("lives", lambda: asking.get("/healthz"))
        yield _step("is ready", lambda: asking.get("/readyz"))
        yield _step("describes its API", lambda: asking.get("/api/v1/schema"), holding="/api/v1/events")
        yield _step("shows the sign-in page", lambda: asking.get("/sign-in"), holding="csrfmiddlewaretoken")
        yield _step("refuses who is not signed in", lambda: asking.get("/api/v1/events"), status=401)
        if token:
            yield from _event(asking, {"Authorization": f"Bearer {token}"})


def _event(asking: httpx.Client, headers: dict[str, str]) -> Iterator[Step]:
    """Tell of an event, read it, and take it away."""
    told = {"title": "Smoke test", "source": "manual", "source_id": f"smoke-{uuid4()}", "event_type": "smoke_test"}
    made: dict[str, str] = {}

    def tell() -> httpx.Response:
        answer = asking.post("/api/v1/events", json=told, headers=headers)
        if answer.status_code == 201:
            made["id"] = str(answer.json()["id"])
        return answer

    yield _step("stores an event", tell, status=201)
    if "id" in made:
        path = f"/api/v1/events/{made['id']}"
        yield _step("reads it back", lambda: asking.get(path, headers=headers), holding=told["source_id"])
        yield _step("deletes it", lambda: asking.delete(path, headers=headers), status=204)
        yield _step("shows it no more", lambda: asking.get(path, headers=headers), status=404)


def _step(what: str, ask: Callable[[], httpx.Response], *, status: int = 200, holding: str = "") -> Step:
    try:
        answer = ask()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as problem:
        return Step(what, good=False, said=f"{type(problem).__name__}: {problem}")
    if answer.status_code != status:
        where = answer.headers.get("Location", "")
        led = f" to {where}: give that address" if where else f": {' '.join(answer.text[:200].split())}"
        return Step(what, good=False, said=f"HTTP {answer.status_code} instead of {status}{led}")
    if holding not in answer.text:
        return Step(what, good=False, said=f"The answer does not hold {holding}")
    return Step(what, good=True, said=f"{answer.elapsed.total_seconds() * 1000:.0f} ms")
