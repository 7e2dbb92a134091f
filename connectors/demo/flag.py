"""Decision: the incident of yesterday: a feature flag was switched on, and every page of the catalog became slow."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random

from connectors.demo.plot import Ending, Guess, Plot, Told
from investigations.choices import CauseCategory, ImpactSeverity, Priority, Stance, Verdict

SWITCHED_ON = "Flag live-stock-badges switched on for everybody"
SWITCHED_OFF = "Flag live-stock-badges switched off"
_QUERIES = "Queries a page of catalog: 212, usually 6"


def _minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def _told() -> Iterator[Told]:
    random = Random(21)
    flag = {"flag": "live-stock-badges", "by": "merchandising", "rollout": "100 %"}
    yield Told(_minutes(-190), "shop-flags", "flag_changed", "info", "catalog", "Flag live-stock-badges on for 1 %")
    yield Told(_minutes(-16), "shop-flags", "flag_changed", "medium", "catalog", SWITCHED_ON, more=flag)
    yield Told(
        *(_minutes(-13), "shop-monitor", "anomaly", "high", "catalog", _QUERIES),
        more={"metric": "queries_per_page", "value": 212, "usual": 6},
    )
    yield Told(
        *(_minutes(-9), "shop-monitor", "anomaly", "high", "catalog", "Latency p99 of catalog: 4.8 s, usually 0.3 s"),
        more={"metric": "latency_p99_seconds", "value": 4.8, "usual": 0.3},
    )
    yield Told(_minutes(0), "shop-alerts", "alert", "high", "catalog", "CatalogSlow", "Catalog: p99 above 3 s")
    for number in range(24):
        after = _minutes(-12 + number * random.uniform(1.6, 2.4))
        took = random.randint(3_100, 6_900)
        title = f"GET /catalog/{{category}} took {took:,} ms"
        span = {"duration_ms": took, "trace_id": f"{random.getrandbits(128):032x}", "children": 212}
        yield Told(after, "shop-tracing", "slow_trace", "medium", "catalog", title, more=span)
        if number % 2:
            failed = after + timedelta(milliseconds=took)
            said = "Rendering the category page was given up: stock badges not ready"
            yield Told(failed, "shop-errors", "error", "high", "catalog", said, more={"trace_id": span["trace_id"]})
    yield Told(_minutes(41), "shop-flags", "flag_changed", "info", "catalog", SWITCHED_OFF, more=flag)


PLOT = Plot(
    key="flag",
    ago=timedelta(hours=26),
    onset=_minutes(-14),
    values={
        "title": "Catalog pages take seconds to load",
        "description": "Category pages of the catalog are slow or give up: each wants its stock badges first.",
        "service_affected": "catalog",
        "component_affected": "category pages",
        "impact_severity": ImpactSeverity.HIGH,
        "priority": Priority.P1,
        "tags": ["catalog", "latency", "feature flag"],
        "impact_domain": "Customers",
        "business_impact": "One visitor in four left before the page was there.",
    },
    told=tuple(sorted(_told(), key=lambda told: told.at)),
    notes=(
        "Nothing was deployed to `catalog` for two days, so it is **not a release**. Something else changed.",
        "**Timeline**\n\n1. The flag went to everybody.\n2. Each page asked 212 queries.\n3. Off, it was over.",
    ),
    guesses=(
        Guess(
            "The live stock badges ask for the stock of each product by itself.",
            Verdict.SUPPORTED,
            (
                (SWITCHED_ON, Stance.SUPPORTS, "Two minutes before the first anomaly."),
                (_QUERIES, Stance.SUPPORTS, "About one query for each product on the page."),
                (SWITCHED_OFF, Stance.SUPPORTS, "It ended within a minute of this."),
            ),
        ),
        Guess(
            "A campaign brought more visitors than the catalog can serve.",
            Verdict.RULED_OUT,
            ((_QUERIES, Stance.CONTRADICTS, "More queries a page, not more pages."),),
        ),
    ),
    causes=(SWITCHED_ON,),
    ending=Ending(
        after=_minutes(48),
        findings={
            "root_cause": "The flag live-stock-badges was switched on for everybody. With it, a category page asks for "
            "the stock of each of its products by itself: 212 queries instead of 6.",
            "remediation": "Switched the flag off. The badges now ask for a page's stock in one query.",
            "lessons_learned": "1 % of the visitors hid what it costs. Raise flags in steps and watch the queries of a "
            "page at each; flags belong on the timeline like deploys.",
            "cause_category": CauseCategory.CONFIGURATION,
        },
    ),
)
