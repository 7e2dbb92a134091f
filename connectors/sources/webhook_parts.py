"""Decision: what single happenings a delivery of unknown shape holds. No database here."""

from collections.abc import Iterator
from typing import Any

import orjson

from connectors.errors import BadRecord
from connectors.sources.payload_paths import Path

# Lists that tools put alerts in, each one by itself.
_LISTS = ("alerts", "events", "incidents", "problems", "notifications", "messages", "items", "records", "results")
_NESTED = ("Message", "message", "body", "payload", "data", "detail")
_PASSWORDS = frozenset({"routing_key", "service_key", "api_key", "apiKey", "token", "secret", "password"})
_HANDSHAKES = frozenset({"SubscriptionConfirmation", "UnsubscribeConfirmation"})


def is_envelope(payload: Any) -> bool:
    """Tell whether it is what Alertmanager and Grafana send."""
    alerts = payload.get("alerts") if isinstance(payload, dict) else None
    return isinstance(alerts, list) and any(
        isinstance(one, dict) and {"labels", "startsAt"} <= one.keys() for one in alerts
    )


def is_handshake(payload: Any) -> bool:
    """Tell whether it only asks for a subscription to be confirmed (AWS SNS)."""
    return isinstance(payload, dict) and str(payload.get("Type")) in _HANDSHAKES


def opened(payload: Any) -> Any:
    """Return a payload with JSON that is wrapped in a text taken out, as AWS SNS sends it; and without passwords."""
    if not isinstance(payload, dict):
        return payload
    plain = {name: value for name, value in payload.items() if name not in _PASSWORDS}
    for name in _NESTED:
        text = plain.get(name)
        if isinstance(text, str) and text.lstrip()[:1] == "{":
            try:
                inner = orjson.loads(text)
            except orjson.JSONDecodeError:
                continue
            return inner if "TopicArn" in plain and isinstance(inner, dict) else {**plain, name: inner}
    return plain


def parts(payload: Any, items: Path | None) -> Iterator[Any]:
    """Yield each happening; one of a list with the texts and numbers beside the list, where it has none so called.

    Args:
        items: where the list is; without it a list is recognised.

    Raises:
        BadRecord: there is no list where ``items`` says.
    """
    if items is not None:
        found = items.find(payload)
        if not isinstance(found, list):
            raise BadRecord("items finds no list.", fields={"items": "This finds no list."})
    elif isinstance(payload, list):
        found = payload
    else:
        found = _listed(payload)
    if found is None:
        yield payload
        return
    beside = _scalars(payload)
    for item in found:
        yield {**beside, **item} if isinstance(item, dict) else item


def _listed(payload: Any) -> list[Any] | None:
    for name in _LISTS if isinstance(payload, dict) else ():
        found = payload.get(name)
        if isinstance(found, list) and found and all(isinstance(item, dict) and len(item) > 1 for item in found):
            return found
    return None


def _scalars(payload: Any) -> dict[str, Any]:
    inside = payload.items() if isinstance(payload, dict) else ()
    return {name: value for name, value in inside if isinstance(value, str | int | float)}
