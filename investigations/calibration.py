"""Questions about confidence: of the links suggested with so much of it, how many did people confirm?"""

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import Q, QuerySet

from investigations.choices import LinkState
from investigations.models import Link
from rcaplatform.kit.replica import reading

BANDS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
BY_HAND = "person"  # the strategy of a link that no rule suggested
# A link that a person made of a suggestion confirms it. What is put into the text comes from Django's own compiler.
_JUDGED = "WITH judged AS ({links}) "
_VERDICT = "CASE state WHEN %s THEN 'confirmed' WHEN %s THEN 'confirmed' WHEN %s THEN 'rejected' END"
_COUNTS = (
    _JUDGED + "SELECT least(width_bucket(score, %s::float8[]), %s) AS band, {verdict} AS verdict, count(*) "
    "FROM judged GROUP BY 1, 2"
)
_MEANS = (
    _JUDGED + "SELECT factor->>'strategy', {verdict} AS verdict, avg((factor->>'score')::float8), count(*) "
    "FROM judged CROSS JOIN LATERAL jsonb_array_elements(factors) AS factor WHERE state <> %s GROUP BY 1, 2 ORDER BY 1"
)
_STATES = [LinkState.CONFIRMED, LinkState.MANUAL, LinkState.REJECTED]


def report(links: QuerySet[Link]) -> dict[str, Any]:
    """Return, for the links that rules suggested, what people made of them.

    Returns:
        ``bands``: from the threshold up, how many were suggested, confirmed, rejected and left undecided, and the
        share confirmed of those decided (None where nobody decided). ``factors``: the mean score of each strategy
        among the confirmed and among the rejected (None where it never spoke), and of how many.
    """
    suggested = links.exclude(Q(state=LinkState.MANUAL) & Q(factors__0__strategy=BY_HAND)).filter(score__gte=BANDS[0])
    try:
        sql, params = suggested.order_by().values("score", "state", "factors").query.sql_with_params()
    except EmptyResultSet:
        return {"bands": [_band(place, {}) for place in range(1, len(BANDS))], "factors": []}
    with reading().cursor() as cursor:
        counting = _COUNTS.format(links=sql, verdict=_VERDICT)
        cursor.execute(counting, [*params, list(BANDS), len(BANDS) - 1, *_STATES])
        counted = {(band, verdict): number for band, verdict, number in cursor.fetchall()}
        cursor.execute(_MEANS.format(links=sql, verdict=_VERDICT), [*params, *_STATES, LinkState.SUGGESTED])
        means = cursor.fetchall()
    return {"bands": [_band(place, counted) for place in range(1, len(BANDS))], "factors": _factors(means)}


def _band(place: int, counted: dict[tuple[int, str | None], int]) -> dict[str, Any]:
    confirmed, rejected, undecided = (counted.get((place, verdict), 0) for verdict in ("confirmed", "rejected", None))
    decided = confirmed + rejected
    return {
        "from": BANDS[place - 1],
        "to": BANDS[place],
        "suggested": decided + undecided,
        "confirmed": confirmed,
        "rejected": rejected,
        "undecided": undecided,
        "share_confirmed": round(confirmed / decided, 4) if decided else None,
    }


def _factors(means: list[tuple[str, str, float | None, int]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for strategy, verdict, mean, number in means:
        blank = {"strategy": strategy, "confirmed": None, "rejected": None, "of_confirmed": 0, "of_rejected": 0}
        row = found.setdefault(strategy, blank)
        row |= {verdict: None if mean is None else round(mean, 4), f"of_{verdict}": number}
    return list(found.values())
