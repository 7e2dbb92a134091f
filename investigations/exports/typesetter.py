"""The typesetter, run as a process of its own: `python typesetter.py TEMPLATE ROOT FONTS…`, values in, PDF out.

It imports nothing of the product. What it may use is bounded before it reads a byte, so that no document, however odd,
takes more than its share of memory or time, or takes a web process down with it.
"""

import resource
import sys
from pathlib import Path

import typst

MEMORY, SECONDS = 3 * 1024**3, 120


def main(template: str, root: str, *fonts: str) -> None:
    """Set the values on standard input by ``template``; files outside ``root``, which is empty, cannot be read."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    stamp, _, values = sys.stdin.read().partition("\n")
    book = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=list(fonts))
    source = Path(template).read_bytes()
    compiler = typst.Compiler(source, root=root, font_paths=book, sys_inputs={"report": values})
    made = compiler.compile(format="pdf", timestamp=int(stamp), pdf_tags=False)
    if not isinstance(made, bytes):
        raise TypeError("A PDF is one file.")
    sys.stdout.buffer.write(made)


if __name__ == "__main__":
    main(*sys.argv[1:])
