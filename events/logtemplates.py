"""Decision: which log lines say the same thing, learned as they come by. No I/O.

A line is first masked (numbers, ids, addresses, quoted values), then put to Drain: He, Zhu, Zheng, Lyu, "Drain: An
Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from drain3.drain import Drain, LogCluster

from events.fingerprints import MASK, masked

MOST = 500
# Of a line so many characters and words are looked at; beyond, lines differ by data more than by what they say.
_CHARACTERS, _WORDS = 300, 40
# Two lines are of one template when so much of their words agrees: less than this makes "connection refused" and
# "connection reset" one.
_AGREEMENT = 0.7
_HOLE = "<*>"
_REMEMBERED = 10_000


class Template(NamedTuple):
    """What lines have in common: an id that stays while the text becomes more general."""

    id: str
    text: str


class Templates:
    """The templates met so far, at most `MOST`: of more, those not met for longest are forgotten.

    Not for two threads at once; each reading makes its own.

    Args:
        state: what `state` returned.
    """

    def __init__(self, state: Iterable[tuple[str, str]] = (), *, most: int = MOST) -> None:
        self._most = most
        self._drain = Drain(sim_th=_AGREEMENT, param_str=_HOLE, parametrize_numeric_tokens=False)
        self._ids: dict[int, str] = {}  # by the number of a cluster; the one met last is last
        self._remembered: dict[str, int] = {}
        for name, text in state:
            self._restore(name, text)

    def of(self, text: str) -> Template:
        """Return the template of a line that says ``text``."""
        said = " ".join(masked(text[:_CHARACTERS]).split(" ", _WORDS)[:_WORDS]) or MASK
        number = self._remembered.get(said, 0)
        if number not in self._ids:
            number = self._learn(said)
        name = self._ids[number] = self._ids.pop(number)
        return Template(name, " ".join(self._drain.id_to_cluster[number].log_template_tokens))

    def state(self) -> list[tuple[str, str]]:
        """Return what is known, fit for JSON: (id, text), the one met last is last."""
        return [(name, self._drain.id_to_cluster[number].get_template()) for number, name in self._ids.items()]

    def _learn(self, said: str) -> int:
        cluster, change = self._drain.add_log_message(said)
        number = int(cluster.cluster_id)
        if change == "cluster_created":
            self._ids[number] = blake2b(said.encode(errors="replace"), digest_size=6).hexdigest()
            if len(self._ids) > self._most:
                oldest = next(iter(self._ids))
                del self._ids[oldest], self._drain.id_to_cluster[oldest]
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        self._remembered[said] = number
        return number

    def _restore(self, name: str, text: str) -> None:
        self._drain.clusters_counter += 1
        cluster = LogCluster(text.split(), self._drain.clusters_counter)
        self._drain.id_to_cluster[cluster.cluster_id] = cluster
        self._drain.add_seq_to_prefix_tree(self._drain.root_node, cluster)
        self._ids[cluster.cluster_id] = name
