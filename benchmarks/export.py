"""How long an export takes: `python -m benchmarks.export`.

Makes investigations with 300, 500 and 5,000 linked events, and writes each down in every format, in turns with
a yardstick: for Markdown and JSON the rows of the same events and links, read and dumped as they are; for PDF a
process of its own in which Typst sets the same sentences, without fonts for other scripts, styles, links or
page furniture. JSON is imported into the emptied store as well; there the yardstick stores the same events and
nothing else. The best of three turns counts. Memory is what the process that writes, and for PDF the one that
sets, took at most; each row has processes of its own. Uses DATABASE_URL and REDIS_URL where given, else
embedded servers of its own, set up as `make run` sets them up.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import orjson

from benchmarks.git_history import manage
from benchmarks.report import Row, table
from rcaplatform.embedded import servers
from tests.servers import serving

ROOT = Path(__file__).resolve().parent.parent
SIZES = (300, 500, 5_000)
FORMATS = ("markdown", "json", "pdf")
# What somebody waits for: a PDF of 500 events within 5 seconds. What is longer is made in the background.
LIMITS = {("pdf", 300): 5.0, ("pdf", 500): 5.0}


def measured(environment: dict[str, str], written_in: str, size: int) -> Row:
    """Return what one format takes for one size."""
    code = f"from benchmarks import export_written as one; one.measure('{written_in}', {size})"
    command = [sys.executable, str(ROOT / "manage.py"), "shell", "--no-imports", "-c", code]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=True, text=True)
    told = orjson.loads(done.stdout.splitlines()[-1])
    limit = LIMITS.get((written_in, size))
    sizes = f"{told['bytes'] / 1024:,.0f} KiB, {told['memory']:,.0f} MiB"
    return Row(
        f"{size:,} events as {written_in}; file, memory",
        f"{told['ours'] * 1_000:,.0f} ms; {sizes}",
        f"{told['bare'] * 1_000:,.0f} ms",
        f"{told['ours'] / told['bare']:.1f}",
        f"<= {limit:g} s" if limit else "",
        told["ours"] <= limit if limit else None,
    )


def main() -> None:
    """Run the benchmark and print its table."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rca-bench-")))
        environment = {**os.environ, "RCA_DATA_DIR": str(folder), "LOG_LEVEL": "WARNING", "PYTHONPATH": str(ROOT)}
        for server in servers(folder, environment):
            stack.enter_context(serving(server))
            environment[server.variable] = server.url
        manage(environment, "migrate", "--verbosity=0")
        fill = f"from benchmarks import export_written as one; one.fill({SIZES})"
        manage(environment, "shell", "--no-imports", "-c", fill)
        rows = [measured(environment, written_in, size) for size in SIZES for written_in in (*FORMATS, "import")]
    print(table(rows))


if __name__ == "__main__":
    main()
