"""A way out: the report as PDF, set by a process of its own that reads no file and reaches no network."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import manimgx_fonts
import manimgx_fonts_cjk
import orjson
import structlog

from investigations.exports.layout import lay_out
from investigations.exports.report import Report
from rcaplatform.kit.errors import Unavailable

log = structlog.get_logger(__name__)
SECONDS = 60
MOST_EVENTS = 5_000
_HERE = Path(__file__).parent
_FONTS = [str(Path(fonts.__path__[0])) for fonts in (manimgx_fonts, manimgx_fonts_cjk)]


_PATIENCE = 1  # seconds between two looks at whether anybody still wants it


def typeset(report: Report, waiting: Callable[[], None] = lambda: None) -> bytes:
    """Return the report as a PDF document; the same report gives the same bytes.

    Args:
        report: what to set.
        waiting: is called every second while it is being set; what it raises ends that.

    Raises:
        Unavailable: it took too long, or too much memory.
    """
    values = b"%d\n%s" % (report.made_at.timestamp(), orjson.dumps(lay_out(report)))
    with TemporaryDirectory() as empty:
        command = [sys.executable, "-I", str(_HERE / "typesetter.py"), str(_HERE / "report.typ"), empty, *_FONTS]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=empty, env={}, stdin=pipe, stdout=pipe, stderr=pipe) as typesetter:
            try:
                made, told = _wait(typesetter, values, waiting)
            except BaseException:
                typesetter.kill()
                raise
    if typesetter.returncode:
        log.error("export.pdf_failed", told=told[-2_000:].decode(errors="replace"))
        raise Unavailable("The PDF could not be made: take Markdown or JSON.")
    return made


def _wait(typesetter: "subprocess.Popen[bytes]", values: bytes, waiting: Callable[[], None]) -> tuple[bytes, bytes]:
    """Return what the typesetter made, and what it complained of."""
    ends, given = time.monotonic() + SECONDS, values
    while (left := ends - time.monotonic()) > 0:
        try:
            return typesetter.communicate(given, timeout=min(left, _PATIENCE))
        except subprocess.TimeoutExpired:
            given = b""  # it has begun to read them: it may not be given them twice
            waiting()
    raise Unavailable(f"The PDF was not ready within {SECONDS} seconds: take Markdown or JSON.")
