"""Measures the webhook door of a running server: posts recorded GitHub deliveries, signed, from several threads.

    python benchmarks/webhooks.py http://127.0.0.1:8000/hooks/NAME SECRET [--folder ...] [--rounds 10] [--threads 4]

Each round posts every recorded delivery once, under ids of its own, so that each is new to the server.
"""

import argparse
import hmac
import http.client
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import local
from urllib.parse import SplitResult, urlsplit
from uuid import uuid4

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "payloads" / "github" / "webhooks-octokit"
connections = local()


def post(address: SplitResult, secret: str, event: str, body: bytes) -> tuple[int, float]:
    """Post one delivery over this thread's connection; return the status (0: no answer) and the seconds it took."""
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Delivery": str(uuid4()),
        "X-GitHub-Event": event,
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest(),
    }
    if not hasattr(connections, "one"):
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        connections.one = kind(address.netloc, timeout=30)
    began = time.perf_counter()
    try:
        connections.one.request("POST", address.path, body, headers)
        answer = connections.one.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        connections.one.close()
        return 0, time.perf_counter() - began
    return answer.status, time.perf_counter() - began


def up_to(limit: int) -> Callable[[str], int]:
    """Return what reads a number from 1 to ``limit`` off the command line."""

    def number(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= limit:
            raise argparse.ArgumentTypeError(f"give a number from 1 to {limit}")
        return int(text)

    return number


def main() -> None:
    """Post, then print the statuses, the rate and how long answers took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("secret")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--rounds", type=up_to(1_000), default=10)
    parser.add_argument("--threads", type=up_to(64), default=4)
    given = parser.parse_args()
    bodies = [(path.parent.name, path.read_bytes()) for path in sorted(given.folder.glob("*/*.json"))]
    if not bodies:
        parser.error(f"{given.folder} holds no recorded deliveries")
    began = time.perf_counter()
    with ThreadPoolExecutor(given.threads) as threads:
        asked = [
            threads.submit(post, urlsplit(given.url), given.secret, event, body)
            for _ in range(given.rounds)
            for event, body in bodies
        ]
        answers = [future.result() for future in asked]
    took = time.perf_counter() - began
    statuses = Counter(status for status, _ in answers)
    seconds = sorted(second for _, second in answers)
    print(f"{len(answers)} deliveries of {len(bodies)} files in {took:.1f} s: {len(answers) / took:.0f}/s")
    print("statuses:", ", ".join(f"{status or 'no answer'} x {count}" for status, count in sorted(statuses.items())))
    quantiles = ", ".join(
        f"p{share} {seconds[(len(seconds) - 1) * share // 100] * 1000:.1f} ms" for share in (50, 95, 99)
    )
    print(f"answered in: {quantiles}, worst {seconds[-1] * 1000:.1f} ms")


if __name__ == "__main__":
    main()
