"""How fast linking decides: `python -m benchmarks.linking [EVENTS] [INVESTIGATIONS]`.

Stores EVENTS (45,000) of 30 services and works the queue off in turns: against INVESTIGATIONS (500) that are open, all
under way at the time of the events; against one; and with nothing decided at all, the queue only read and marked. Six
of the services, a fifth of the events, have five open investigations each; the others speak of services that tell of
no events here, in words the events use as well. Prints the rates by the clock and, for a machine that is busy with
other things, by the processor time of the worker and of PostgreSQL's process for it. Uses DATABASE_URL and REDIS_URL
where given, else embedded servers of its own, set up as `make run` sets them up.
"""

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.git_history import manage
from rcaplatform.embedded import servers
from tests.servers import serving


def main(events: int, investigations: int) -> None:
    """Run the benchmark."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rca-bench-")))
        environment = {**os.environ, "RCA_DATA_DIR": str(folder), "LOG_LEVEL": "WARNING"}
        for server in servers(folder, environment):
            stack.enter_context(serving(server))
            environment[server.variable] = server.url
        manage(environment, "migrate", "--verbosity=0")
        measure = f"from benchmarks import linking_queue; linking_queue.main({events}, {investigations})"
        manage(environment, "shell", "--no-imports", "-c", measure)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 45_000, int(sys.argv[2]) if len(sys.argv) > 2 else 500)
