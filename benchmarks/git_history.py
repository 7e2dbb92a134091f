"""How fast a git history becomes events: `python -m benchmarks.git_history [COMMITS]`.

Makes a repository with merges, tags and many authors, connects it, and polls it a second time, which finds nothing new.
Uses DATABASE_URL and REDIS_URL where given, else embedded servers of its own, set up as `make run` sets them up.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from rcaplatform.embedded import servers
from tests.servers import serving

ROOT = Path(__file__).resolve().parent.parent
GIT = shutil.which("git") or "git"
SERVICES = ("auth", "cart", "orders", "payments", "search", "shipping", "web", "mail")
MODULES = ("api", "model", "views", "util")
FILES = [
    f"services/{service}/{module}_{number}.py" for service in SERVICES for module in MODULES for number in range(10)
]
AUTHORS = [f"Developer {number} <developer{number}@example.org>" for number in range(40)]
MERGE_EVERY, TAG_EVERY = 10, 250


def main(commits: int) -> None:
    """Run the benchmark."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rca-bench-")))
        began = time.monotonic()
        make_repository(folder / "shop", commits)
        print(f"a repository of {commits:,} commits, made in {time.monotonic() - began:.1f} s", flush=True)
        environment = {**os.environ, "RCA_DATA_DIR": str(folder / "var"), "LOG_LEVEL": "ERROR"}
        for server in servers(folder / "var", environment):
            stack.enter_context(serving(server))
            environment[server.variable] = server.url
        manage(environment, "migrate", "--verbosity=0")
        manage(environment, "connect", "git", str(folder / "shop"), "--service-roots", "services")
        manage(environment, "connectors", "poll", "shop")


def make_repository(path: Path, commits: int) -> None:
    """Make a bare repository with git fast-import."""
    subprocess.run([GIT, "init", "--quiet", "--bare", "--initial-branch=main", str(path)], check=True)
    with tempfile.TemporaryFile() as commands:
        commands.writelines(command.encode() for command in history(commits, random.Random(1)))
        commands.seek(0)
        subprocess.run([GIT, f"--git-dir={path}", "fast-import", "--quiet"], stdin=commands, check=True)


def history(commits: int, dice: random.Random) -> Iterator[str]:
    """Yield the commands of git fast-import; every tenth commit merges a branch of one commit."""
    lines = {name: [f"line {number} of {name}" for number in range(dice.randrange(20, 200))] for name in FILES}
    moment, main, topic = 1_600_000_000, 0, 0
    for number in range(1, commits + 1):
        moment += dice.randrange(60, 3_600)
        author = f"{dice.choice(AUTHORS)} {moment} +0000"
        branches_off = main and number % MERGE_EVERY == MERGE_EVERY - 1
        merges = topic and number % MERGE_EVERY == 0
        yield f"commit refs/heads/{'topic' if branches_off else 'main'}\nmark :{number}\ncommitter {author}\n"
        yield _data(f"Change {number} of {dice.choice(SERVICES)}\n\nWhy it had to be done, in a sentence or two.\n")
        yield f"from :{main}\n" if main else ""
        yield f"merge :{topic}\n" if merges else ""
        for name in dice.sample(FILES, dice.randrange(1, 6)) if main else FILES:
            lines[name][dice.randrange(len(lines[name]))] = f"edited by change {number}"
            yield f"M 100644 inline {name}\n" + _data("\n".join(lines[name]) + "\n")
        main, topic = (main, number) if branches_off else (number, 0 if merges else topic)
        if number % TAG_EVERY == 0:
            yield f"tag v{number}\nfrom :{number}\ntagger {author}\n" + _data(f"Release {number}\n")


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"


def manage(environment: dict[str, str], *arguments: str) -> None:
    """Run a command of the product as its operator would, and print what it took, git included and PostgreSQL not."""
    command = [sys.executable, "manage.py", *arguments]
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    wall, busy = time.monotonic() - began, usage.ru_utime + usage.ru_stime
    print(f"$ manage.py {' '.join(arguments)}")
    print(
        f"  {wall:.1f} s, {busy:.1f} s of them on a processor; largest process {usage.ru_maxrss / 1024:.0f} MiB",
        flush=True,
    )
    if status:
        raise SystemExit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
