"""Decision: which values of a payload of unknown shape say what happened, when, how bad it is and where. No database.

Not by vendor but by the words tools have in common. Each candidate costs what its name costs, and more the deeper it
lies; the cheapest wins.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from connectors.moments import moment
from connectors.sources.alert_words import FIRING, RESOLVED, severity_in, state_in, words
from connectors.sources.payload_nodes import Node
from events.choices import Severity
from events.drafts import LIMITS

Costs = Mapping[str, int]
DEPTH, LABEL = 3, 5


def _costs(text: str) -> dict[str, int]:
    """Return the cost of each name in a text of ``cost: name name``."""
    rows = (row.split(":") for row in text.split(";"))
    return {name: int(cost) for cost, names in rows for name in names.split()}


_TITLE = _costs(
    "0: title; 1: summary; 2: subject headline; 4: name rule; 5: event display displayname; 6: message msg alert;"
    "7: description longdescription shortdescription; 8: text reason cause output statereason; 9: body details content"
)
_MESSAGE = _costs(
    "0: description longdescription; 1: message msg body text output longoutput; 2: reason cause statereason details "
    "content logentry summary; 4: errormessage error"
)
_SEVERITY = _costs(
    "0: severity; 2: priority criticality; 3: level urgency importance importancelevel loglevel; 4: impact class"
)
_STATE = _costs("0: status state; 1: transition; 2: action; 3: condition; 4: type kind; 5: event; 6: alert")
_SERVICE = _costs(
    "0: service servicename affectedservice servicedisplayname; 2: application app applicationname appname; "
    "3: workload deployment; 4: project projectname projectslug; 5: job; 6: namespace"
)
_COMPONENT = _costs(
    "0: component; 1: host hostname instance node; 2: device pod container server vm; 3: sysname agentname entity "
    "resource resourcename resourcedisplayname; 4: source queue topic target"
)
_ENVIRONMENT = _costs("0: environment env deploymentenvironment deploymentenvironmentname; 2: stage tier; 4: cluster")
_ID = _costs(
    "0: fingerprint dedupkey dedupekey deduplicationkey deduplicationid; 1: incidentid alertid problemid "
    "issueid alarmid alertuniqueidentifier alertidentifier uniqueid incidentkey alertkey; 2: id uuid guid eventid "
    "incidentnumber notificationid; 3: alias key pid alarmarn arn"
)
# What names a rule, not what came of it: no two alerts can be told apart by it.
_RULE = frozenset("rule monitor check definition detector policy job trigger test agent scope user".split())
_URL_ENDS = frozenset("url uri link href permalink web".split())
_OTHER_URLS = {"runbook": 9, "log": 3, "logs": 3, "dashboard": 2, "generator": 2, "client": 3, "api": 9}
_NO_URLS = frozenset(
    "icon image avatar logo photo snapshot callback webhook request subscribe unsubscribe signing".split()
)
_TIMES = frozenset(
    "time timestamp date datetime at ts start started starts end ended ends when occurred fired triggered since".split()
)
_BEGAN = _costs(
    "0: started starts start fired triggered occurred onset change changed since; 1: timestamp time created opened ts;"
    "2: date datetime at; 5: updated end ended ends resolved closed recovered; "
    "7: processing received sent expires query window"
)
_ENDED = _costs(
    "0: resolved ended ends end closed recovered cleared; 1: updated change changed; 2: timestamp time ts; "
    "3: date datetime at; 4: started starts start created opened fired triggered; "
    "7: processing received sent expires query window"
)
_STRONG = {
    RESOLVED: frozenset("resolved recovered cleared closed recovery".split()),
    FIRING: frozenset("triggered firing fired alerting problem".split()),
}
_WEAK = {RESOLVED: frozenset({"up", "online", "ok"}), FIRING: frozenset({"down", "offline", "failed"})}
_MACHINE = re.compile(r"[a-z0-9_.:/-]+")
_NUMBERED = {1: Severity.CRITICAL, 2: Severity.HIGH, 3: Severity.MEDIUM, 4: Severity.LOW, 5: Severity.INFO}
_SPEAKS_OF_STATE = re.compile(r"\b(resolved|recovered|cleared|closed|recovery|ok|up)\b", re.IGNORECASE)


@dataclass(slots=True)
class Reading:
    """What a payload says of an alert; empty where it does not.

    Attributes:
        id: what tells it from others of its kind.
        said: how bad it is, in its own word.
    """

    title: str = ""
    message: str = ""
    said: str = ""
    severity: Severity | None = None
    state: str = ""
    at: datetime | None = None
    service: str = ""
    component: str = ""
    environment: str = ""
    url: str = ""
    id: str = ""
    labels: dict[str, str] = field(default_factory=dict)


def read(nodes: list[Node]) -> Reading:
    """Return what the values in a payload say."""
    severity = _cheapest(nodes, _severity_cost)
    title = _cheapest(nodes, _title_cost)
    state = _state(nodes, title.text if title else "", severity.text if severity else "")
    message = _cheapest(nodes, lambda node: _named(node, _MESSAGE) if " " in node.text and node != title else None)
    return Reading(
        title=title.text if title else "",
        message=message.text if message else "",
        said=severity.text if severity else "",
        severity=_severity(severity) if severity else None,
        state=state,
        at=_time(nodes, _ENDED if state == RESOLVED else _BEGAN),
        service=_text(nodes, _SERVICE),
        component=_text(nodes, _COMPONENT),
        environment=_text(nodes, _ENVIRONMENT),
        url=_url(nodes),
        id=_id(nodes),
        labels={node.written: node.text[:300] for node in nodes if node.label and node.text},
    )


def titled(title: str, state: str) -> str:
    """Return a title that tells the end of an alert from its beginning."""
    return f"{title} resolved" if state == RESOLVED and not _SPEAKS_OF_STATE.search(title) else title


def _cheapest(nodes: Iterable[Node], cost: Callable[[Node], int | None]) -> Node | None:
    priced = [(price, place, node) for place, node in enumerate(nodes) if (price := cost(node)) is not None]
    return min(priced)[2] if priced else None


def _named(node: Node, costs: Costs, *, label: int = LABEL) -> int | None:
    """Return what a value costs by its name, or nothing when it is none of these."""
    cost = costs.get(node.key, costs.get(node.name))
    if cost is None or not node.text or isinstance(node.value, bool):
        return None
    return cost + DEPTH * node.depth + label * node.label


def _title_cost(node: Node) -> int | None:
    """Return what it costs as a title: one word of a machine's is a poor one, and a number none."""
    cost = _named(node, _TITLE)
    if cost is None or not isinstance(node.value, str) or node.text.isdecimal():
        return None
    return cost + (3 if _MACHINE.fullmatch(node.text) else 0)


def _severity_cost(node: Node) -> int | None:
    cost = _named(node, _SEVERITY, label=0)
    return cost if cost is not None and _severity(node) else None


def _severity(node: Node) -> Severity | None:
    """Return how bad a value says it is; a number only as a priority, where one is the worst everywhere."""
    if node.text.isdecimal():
        return _NUMBERED.get(int(node.text[:2])) if "priority" in node.words else None
    return severity_in(node.text) if len(node.text) <= 40 else None


def _state(nodes: list[Node], title: str, severity: str) -> str:
    """Return the state a value names; else what the title says; else that it is over, where the severity is ``ok``."""

    def cost(node: Node) -> int | None:
        cost = _named(node, _STATE)
        return cost if cost is not None and len(node.text) <= 60 and state_in(node.text) else None

    if named := _cheapest(nodes, cost):
        return state_in(named.text)
    said = words(title)
    for vocabulary in (_STRONG, _WEAK):
        for state, spoken in vocabulary.items():
            if spoken & set(said):
                return state
    return RESOLVED if state_in(severity) == RESOLVED else ""


def _time(nodes: list[Node], costs: Costs) -> datetime | None:
    def cost(node: Node) -> int | None:
        if _TIMES.isdisjoint(node.words) or moment(node.value) is None:
            return None
        cheap = min((costs[word] for word in node.words if word in costs), default=3)
        dear = max((costs[word] for word in node.words if word in costs and costs[word] >= 5), default=0)
        return max(cheap, dear) + DEPTH * node.depth + node.label

    found = _cheapest(nodes, cost)
    return moment(found.value) if found else None


def _text(nodes: list[Node], costs: Costs) -> str:
    def cost(node: Node) -> int | None:
        fits = len(node.text) <= 100 and not node.text.startswith(("https://", "http://"))
        return _named(node, costs, label=-2) if fits else None

    found = _cheapest(nodes, cost)
    return found.text if found else ""


def _url(nodes: list[Node]) -> str:
    def cost(node: Node) -> int | None:
        if not node.text.startswith(("https://", "http://")):
            return None
        said = {*node.words, node.name}
        if not said & _URL_ENDS or said & _NO_URLS:
            return None
        if len(node.text) > LIMITS["url"]:
            return None
        return max((_OTHER_URLS[word] for word in said if word in _OTHER_URLS), default=0) + DEPTH * node.depth

    found = _cheapest(nodes, cost)
    return found.text if found else ""


def _id(nodes: list[Node]) -> str:
    def cost(node: Node) -> int | None:
        if not _RULE.isdisjoint(node.words) or (node.label and node.key == "id"):
            return None
        return _named(node, _ID) if len(node.text) <= 500 else None

    found = _cheapest(nodes, cost)
    return found.text if found else ""
