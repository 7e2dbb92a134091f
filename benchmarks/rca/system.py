"""A made-up system of services: who calls whom, how long that takes, and what its monitoring shows minute by minute."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

WORDS = """order cart payment catalog user auth search price stock ship mail review rate seat route station train food
travel ticket profile media feed post social cache quote tax coupon banner geo hotel guest ledger invoice audit batch
config gateway queue worker report metric export import stream index vault token session notify""".split()
SUFFIXES = ("service", "-svc", "", "-service", "")
CALLED = 0.7  # calls to each callee in one request
STORES = ("db", "redis", "mongo", "mysql")
STYLES = (
    {"cpu": "cpu", "mem": "mem", "disk": "diskio", "socket": "socket", "latency": "latency-50", "tail": "latency-90",
     "error": "error", "traffic": "workload"},
    {"cpu": "CpuUsageRate(%)", "mem": "MemoryUsageRate(%)", "disk": "FsWriteBytes", "socket": "NetworkSockets",
     "latency": "PodServerLatencyP90(s)", "tail": "PodServerLatencyP99(s)", "error": "PodErrorRate(%)",
     "traffic": "PodWorkload(Ops)"},
    {"cpu": "container_cpu_usage", "mem": "container_memory_working_set_bytes", "disk": "container_fs_io_time",
     "socket": "container_sockets", "latency": "istio_request_duration_avg", "tail": "istio_request_duration_p99",
     "error": "istio_requests_5xx_ratio", "traffic": "istio_requests_total"},
    {"latency": "response_time_ms_mean", "tail": "response_time_ms_p95", "error": "success_rate", "traffic": "rps",
     "cpu": "cpu_millicores", "mem": "rss_mb"},
)  # fmt: skip


@dataclass
class Fault:
    """What is wrong with one service, or with some of its instances, from one minute on.

    Attributes:
        kind: cpu, mem, disk, socket, delay, loss, exception, surge; "" for none.
        at: index of the minute at which it starts.
        share: of its requests that it hits.
    """

    service: str = ""
    kind: str = ""
    at: int = 0
    size: float = 1.0
    share: np.ndarray | float = 1.0


@dataclass
class System:
    """Services, their calls and what each costs."""

    services: list[str]
    calls: dict[str, list[str]]
    own: dict[str, float]
    cpu: dict[str, float]
    style: dict[str, str]
    unit: float
    entry: str
    depth: dict[str, int] = field(default_factory=dict)


def system(rng: np.random.Generator, size: int) -> System:
    """Make a system of so many services: an entry, layers below it, stores at the bottom."""
    names = list(rng.choice(WORDS, size=size, replace=False))
    suffix = SUFFIXES[rng.integers(len(SUFFIXES))]
    services = [f"{name}{suffix}" for name in names]
    stores = [f"{name}-{STORES[rng.integers(len(STORES))]}" for name in names[-max(size // 5, 1) :]]
    services = services[: -len(stores)] + stores
    calls: dict[str, list[str]] = {name: [] for name in services}
    for place, name in enumerate(services[1:], start=1):
        above = [one for one in services[max(0, place // 2 - 3) : place] if one not in stores] or [services[0]]
        for caller in rng.choice(above, size=min(len(above), 1 + int(rng.random() < 0.3)), replace=False):
            calls[str(caller)].append(name)
    own = {name: float(rng.lognormal(1.5, 0.7)) for name in services}
    style = STYLES[rng.integers(len(STYLES))]
    unit = 1.0 if "ms" in style["latency"] or rng.random() < 0.3 else 1e-3
    cpu = {name: float(rng.uniform(0.02, 0.3)) for name in services}
    return System(services, calls, own, cpu, style, unit, services[0])


def simulate(made: System, fault: Fault, minutes: int, rng: np.random.Generator) -> dict[str, dict[str, np.ndarray]]:
    """Return latency (ms), error (share), traffic, cpu, mem, disk and socket of each service, minute by minute.

    Waiting and failing go up the call graph, traffic comes down it; who waits longer asks less often.
    """
    on = np.zeros(minutes)
    if fault.kind:
        on[fault.at :] = 1.0
    told: dict[str, dict[str, np.ndarray]] = {}
    load = 100 * (1 + 0.05 * np.sin(np.arange(minutes) / 30 + rng.uniform(0, 6))) * rng.lognormal(0, 0.04, minutes)
    if fault.kind == "surge":
        load = load * (1 + (fault.size + 1) * on)
    for name in reversed(made.services):
        mine = on * (np.asarray(fault.share) if name == fault.service else 0.0)
        slower, failing = _local(fault, mine, made.own[name], rng)
        if fault.kind == "surge":
            slower = made.own[name] * on * fault.size * 2
        latency = made.own[name] * rng.lognormal(0, 0.06, minutes) + slower
        passed = 1 - np.clip(failing + np.abs(rng.normal(0, 0.0008, minutes)) * (rng.random(minutes) < 0.3), 0, 1)
        for callee in made.calls[name]:
            latency = latency + CALLED * told[callee]["latency"]
            passed = passed * (1 - CALLED * told[callee]["error"])
        told[name] = {"latency": latency, "error": 1 - passed, "slower": slower, "mine": mine}
    waits = told[made.entry]["latency"] / np.median(told[made.entry]["latency"])
    load = load / np.maximum(waits, 1) ** (0.0 if fault.kind == "surge" else 0.5)
    _traffic(made, told, load, rng)
    for name in made.services:
        _resources(made, told[name], name, fault, rng)
    return told


def _local(fault: Fault, mine: np.ndarray, own: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    size = fault.size * rng.lognormal(0, 0.1, len(mine))
    slower = {"cpu": 2.0 * own, "mem": 0.5 * own, "disk": 1.0 * own, "socket": 0.6 * own, "delay": 60.0, "loss": 25.0}
    failing = {"loss": 0.05, "socket": 0.03, "exception": 0.35, "mem": 0.01}
    return mine * size * slower.get(fault.kind, 0.0), mine * np.minimum(size * failing.get(fault.kind, 0.0), 0.9)


def _traffic(made: System, told: dict[str, dict[str, np.ndarray]], load: np.ndarray, rng: np.random.Generator) -> None:
    for name in made.services:
        told[name]["traffic"] = np.zeros_like(load)
    told[made.entry]["traffic"] = load
    for name in made.services:
        for callee in made.calls[name]:
            told[callee]["traffic"] = told[callee]["traffic"] + CALLED * told[name]["traffic"] * rng.lognormal(
                0, 0.02, len(load)
            )


def _resources(made: System, one: dict[str, np.ndarray], name: str, fault: Fault, rng: np.random.Generator) -> None:
    minutes = len(one["traffic"])
    usual = one["traffic"] / max(float(np.median(one["traffic"])), 1e-9)
    mine = one["mine"] * fault.size
    one["cpu"] = made.cpu[name] * usual * rng.lognormal(0, 0.08, minutes)
    one["mem"] = 200 * (1 + np.cumsum(rng.normal(0, 0.002, minutes))) * rng.lognormal(0, 0.003, minutes)
    one["disk"] = 5 * rng.lognormal(0, 0.3, minutes)
    one["socket"] = 30 * (0.7 + 0.3 * usual) * rng.lognormal(0, 0.05, minutes)
    kinds = {"cpu": ("cpu", 0.6), "mem": ("mem", 300.0), "disk": ("disk", 200.0), "socket": ("socket", 150.0)}
    if fault.kind in kinds:
        which, extra = kinds[fault.kind]
        ramp = np.minimum(np.cumsum(one["mine"]) / 4, 1) if which == "mem" else 1.0
        one[which] = one[which] + mine * extra * ramp * rng.lognormal(0, 0.1, minutes)
