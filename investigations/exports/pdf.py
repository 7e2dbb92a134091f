"""A way out: the report as PDF, set by a process of its own that reads no file and reaches no network."""

import subprocess
import sys
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


def typeset(report: Report) -> bytes:
    """Return the report as a PDF document; the same report gives the same bytes.

    Raises:
        Unavailable: it took too long, or too much memory.
    """
    values = b"%d\n%s" % (report.made_at.timestamp(), orjson.dumps(lay_out(report)))
    with TemporaryDirectory() as empty:
        command = [sys.executable, "-I", str(_HERE / "typesetter.py"), str(_HERE / "report.typ"), empty, *_FONTS]
        try:
            done = subprocess.run(
                command, input=values, capture_output=True, timeout=SECONDS, cwd=empty, env={}, check=True
            )
        except subprocess.TimeoutExpired as problem:
            raise Unavailable(f"The PDF was not ready within {SECONDS} seconds: take Markdown or JSON.") from problem
        except subprocess.CalledProcessError as problem:
            log.exception("export.pdf_failed", told=problem.stderr[-2_000:].decode(errors="replace"))
            raise Unavailable("The PDF could not be made: take Markdown or JSON.") from problem
    return done.stdout
