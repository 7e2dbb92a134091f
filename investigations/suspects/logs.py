"""Decision: which log templates are new, louder or gone. Templates by Drain (He, Zhu, Zheng, Lyu, ICWS 2017).

How much louder is the excess over what the time before leads to expect, in units of its square root (counts are about
Poisson). New templates after a change are what Lin et al., "Log Clustering Based Problem Identification for Online
Service Systems" (ICSE 2016), put before an engineer first.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt

from events.logtemplates import Templates
from investigations.suspects.scene import Line, Window

INFO, WARNING, ERROR = 0, 1, 2
SEVERITIES = {
    "WARN": WARNING,
    "WARNING": WARNING,
    "ERR": ERROR,
    "ERROR": ERROR,
    "SEVERE": ERROR,
    "FATAL": ERROR,
    "CRIT": ERROR,
    "CRITICAL": ERROR,
    "ALERT": ERROR,
    "EMERGENCY": ERROR,
}
_TROUBLE = re.compile(
    r"exception|error|panic|fatal|traceback|fail(ed|ure)|refused|time[d ]?-?\s?out|deadline|unavailable|reject|denied",
    re.IGNORECASE,
)
LOUD = 3.0
_TEMPLATES = 3_000
_SAMPLES = 3


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """What one service says in one way.

    Attributes:
        before, after: lines an hour in the time before, and in the incident.
        z: how much louder, negative when quieter.
        first: when it was first heard at all.
        level: how grave, by severity or by the words where there is none.
        samples: lines of the incident.
    """

    service: str
    template: str
    level: int
    before: float
    after: float
    count: int
    z: float
    first: float
    new: bool
    samples: tuple[Line, ...]

    @property
    def loud(self) -> bool:
        """Whether it tells of trouble and was not heard, or not so much, before."""
        return self.level >= WARNING and self.z >= LOUD

    @property
    def strength(self) -> float:
        """How telling it is: 0 where it is as ever, 1 at some thirty lines that were not expected, 2 at most."""
        if not self.loud:
            return 0.0
        return min(log(1 + self.z / LOUD) / log(1 + 10 / LOUD), 2.0) * (1.0 if self.level == ERROR else 0.7)

    def told(self) -> str:
        """Return it in words."""
        said = self.samples[0].text if self.samples else self.template
        how = "for the first time" if self.new else f"{self.after:.4g} times an hour instead of {self.before:.4g}"
        return f"{self.service} says {how}: {said[:140]}"


def voices(lines: Sequence[Line], usual: Window, during: Window) -> list[Voice]:
    """Return what each service says, and how that changed from ``usual`` to ``during``."""
    heard = defaultdict[tuple[str, str], list[Line]](list)
    templates = Templates(most=_TEMPLATES)
    for line in lines:
        heard[line.service, templates.of(line.text).id].append(line)
    found = [_voice(service, said, usual, during) for (service, _), said in sorted(heard.items())]
    return sorted((one for one in found if one is not None), key=lambda one: (-one.strength, one.first, one.service))


def level(line: Line) -> int:
    """Return how grave a line is."""
    told = SEVERITIES.get(line.severity)
    if told is None and not line.severity:
        return WARNING if _TROUBLE.search(line.text) else INFO
    return told or INFO


def _voice(service: str, said: Sequence[Line], usual: Window, during: Window) -> Voice | None:
    before = [line for line in said if usual.start <= line.at < usual.end]
    after = [line for line in said if during.start <= line.at <= during.end]
    if not before and not after:
        return None
    past, now = max(usual.end - usual.start, 60.0), max(during.end - during.start, 60.0)
    expected = len(before) * now / past
    grave = max(level(line) for line in (after or before)[:20])
    first = min(line.at for line in said)
    return Voice(
        service=service,
        template=said[0].text,
        level=grave,
        before=len(before) / past * 3_600,
        after=len(after) / now * 3_600,
        count=len(after),
        z=(len(after) - expected) / sqrt(expected + 0.5),
        first=first,
        new=not before and bool(after),
        samples=tuple(after[:_SAMPLES]),
    )
