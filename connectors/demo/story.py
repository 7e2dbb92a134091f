"""Decision: what happened at the shop, to the second. No files, no database; the same seed tells the same story.

A timeout in `payments` is lowered too far. It ships, payments to the card gateway begin to fail, and checkout fails
with them. Meanwhile `search` ships last (the newest deploy is not the cause), `inventory` bumps a dependency, and
`notifications` is as noisy as ever.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

SEED = 20
SERVICES = ("storefront", "checkout", "payments", "inventory", "search", "notifications")
DETECTED, ONSET, SHIPPED, MERGED = (timedelta(minutes=-minutes) for minutes in (60, 66, 69, 97))
GUILTY = "payments: Fail fast when the card gateway is slow"


@dataclass(frozen=True, slots=True)
class Commit:
    """A change to files of the shop; ``at`` is relative to the present."""

    at: timedelta
    team: str
    subject: str
    files: dict[str, str]
    body: str = ""


@dataclass(frozen=True, slots=True)
class Deploy:
    """A commit, named by its subject, that shipped to production; ``failed`` ones did not."""

    at: timedelta
    service: str
    subject: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line a service logged."""

    at: timedelta
    level: str
    service: str
    message: str
    fields: dict[str, Any] = field(default_factory=dict)


def commits() -> list[Commit]:
    """Return the shop's history, oldest first."""
    random = Random(SEED)
    history = [Commit(timedelta(days=-6), "platform", "Lay out the shop", _skeleton())]
    hours = sorted(random.uniform(3, 130) for _ in _ROUTINE)
    for back, (service, subject) in zip(reversed(hours), _ROUTINE, strict=True):
        changed = {f"services/{service}/notes.md": f"{subject}\n"}
        history.append(Commit(timedelta(hours=-back), service, f"{service}: {subject}", changed))
    history += [
        Commit(
            MERGED,
            "payments",
            GUILTY,
            {"services/payments/gateway.py": _gateway(timeout="0.4", retries="0")},
            "The pool fills up while we wait for a slow gateway.\nWait 400 ms instead of 5 s and do not retry.\n",
        ),
        Commit(
            timedelta(minutes=-88),
            "inventory",
            "inventory: Bump http-client from 4.1 to 4.2",
            {"services/inventory/requirements.txt": "http-client==4.2\n"},
        ),
        Commit(
            timedelta(minutes=-80),
            "search",
            "search: Rank by margin as well",
            {"services/search/ranking.py": "WEIGHTS = {'text': 0.7, 'margin': 0.3}\n"},
        ),
    ]
    return sorted(history, key=lambda commit: commit.at)


def deploys() -> list[Deploy]:
    """Return what shipped, oldest first."""
    return [
        Deploy(timedelta(hours=-26), "checkout", "checkout: Show delivery dates"),
        Deploy(timedelta(hours=-7), "notifications", "notifications: Quote names in subjects", failed=True),
        Deploy(timedelta(minutes=-84), "inventory", "inventory: Bump http-client from 4.1 to 4.2"),
        Deploy(SHIPPED, "payments", GUILTY),
        Deploy(timedelta(minutes=-63), "search", "search: Rank by margin as well"),
    ]


def lines() -> list[Line]:
    """Return what the services logged, oldest first."""
    random = Random(SEED + 1)
    return sorted([*_routine(random), *_symptoms(random)], key=lambda line: line.at)


def _routine(random: Random) -> Iterator[Line]:
    for _ in range(600):
        at = timedelta(minutes=random.uniform(-180, -1))
        service = random.choice(SERVICES)
        yield Line(
            at, "info", service, random.choice(_CHATTER), {"duration_ms": round(random.lognormvariate(3, 0.6), 1)}
        )
    for _ in range(40):
        at = timedelta(minutes=random.uniform(-180, -1))
        address = f"customer-{random.randrange(900)}@shop.example"
        yield Line(at, "warning", "notifications", "Mailbox full, will try again", {"recipient": address, "attempt": 1})
    for _ in range(6):
        at = timedelta(minutes=random.uniform(-170, -5))
        yield Line(
            at, "warning", "inventory", "Stock count differs from ledger", {"sku": f"SKU-{random.randrange(99)}"}
        )


def _symptoms(random: Random) -> Iterator[Line]:
    """From onset on, an order fails at payments, then at checkout, and the customer sees it in the storefront."""
    for number in range(64):
        at = ONSET + timedelta(seconds=2 + number * random.uniform(28, 52))
        ids = {"trace_id": f"{random.getrandbits(128):032x}", "request_id": f"req-{random.randrange(16**6):06x}"}
        order = {"order": 70_000 + number, "user": f"customer-{random.randrange(900)}"}
        yield Line(
            at, "error", "payments", "Card gateway did not answer in 400 ms", {**ids, **order, "error": _TIMEOUT}
        )
        after = at + timedelta(milliseconds=random.randint(3, 40))
        yield Line(after, "error", "checkout", "POST /api/v1/pay failed with 502", {**ids, **order, "status": 502})
        if number % 3 == 0:
            seen = after + timedelta(milliseconds=random.randint(3, 40))
            yield Line(seen, "warning", "storefront", "Showed the payment error page", {**ids, "path": "/checkout"})


def stamped(line: Line, now: datetime) -> dict[str, Any]:
    """Return a line as the shop's services write it."""
    at = (now + line.at).isoformat(timespec="milliseconds")
    named = {"timestamp": at, "level": line.level, "service": line.service, "message": line.message}
    return {**named, "environment": "production", **line.fields}


def _gateway(*, timeout: str, retries: str) -> str:
    return f'''"""Calls to the card gateway."""

TIMEOUT_SECONDS = {timeout}
RETRIES = {retries}


def charge(order, card):
    """Charge a card; raises PaymentTimeout when the gateway does not answer in time."""
    return post("/charges", order, card, timeout=TIMEOUT_SECONDS, retries=RETRIES)
'''


def _skeleton() -> dict[str, str]:
    files = {f"services/{service}/notes.md": f"# {service}\n" for service in SERVICES}
    files["services/payments/gateway.py"] = _gateway(timeout="5", retries="2")
    files["services/inventory/requirements.txt"] = "http-client==4.1\n"
    files["services/search/ranking.py"] = "WEIGHTS = {'text': 1.0}\n"
    return files | {"README.md": "# shop\n\nA small shop of six services.\n"}


_TIMEOUT = {
    "type": "PaymentTimeout",
    "message": "card gateway: no answer in 0.4 s",
    "stack": (
        "Traceback (most recent call last):\n"
        '  File "services/payments/api.py", line 41, in pay\n    receipt = charge(order, card)\n'
        '  File "services/payments/gateway.py", line 9, in charge\n    return post("/charges", order, card)\n'
        "PaymentTimeout: card gateway: no answer in 0.4 s"
    ),
}
_CHATTER = ("Request served", "Cache refreshed", "Health check passed", "Session renewed", "Job finished")
_ROUTINE = [
    ("storefront", "Lazy-load product pictures"),
    ("search", "Index descriptions in three languages"),
    ("inventory", "Reserve stock for ten minutes"),
    ("checkout", "Keep the cart across devices"),
    ("notifications", "Send receipts as PDF"),
    ("storefront", "Fix contrast of the basket button"),
    ("payments", "Log the gateway's request id"),
    ("search", "Drop the old synonym file"),
    ("inventory", "Count returns once"),
    ("checkout", "Validate post codes while typing"),
    ("notifications", "Throttle to the provider's limit"),
    ("storefront", "Cache the category tree"),
    ("payments", "Mask card numbers in traces"),
    ("checkout", "Show delivery dates"),
    ("search", "Warm the cache after a deploy"),
    ("inventory", "Export the ledger nightly"),
    ("notifications", "Quote names in subjects"),
    ("storefront", "Measure the largest contentful paint"),
    ("payments", "Rotate the gateway key"),
    ("checkout", "Simplify the address form"),
]
