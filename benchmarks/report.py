"""One table of what was measured: figure, yardstick, ratio, target, and whether it was met."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure. ``met`` is None where there is no target."""

    what: str
    figure: str
    bare: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None


def at_most(what: str, value: float, limit: float, unit: str, **more: str) -> Row:
    """Return a figure that should not pass a limit."""
    return Row(what, f"{value:,.1f} {unit}", target=f"<= {limit:g} {unit}", met=value <= limit, **more)


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    names = ("what", "figure", "bare", "ratio", "target", "met")
    lines = [names, tuple("-" * len(name) for name in names)]
    for row in rows:
        met = "" if row.met is None else "yes" if row.met else "NO"
        lines.append((row.what, row.figure, row.bare, row.ratio, row.target, met))
    widths = [max(len(line[column]) for line in lines) for column in range(len(names))]
    return "\n".join("| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines)
