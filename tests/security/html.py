"""What a page would do in a browser: its tags as a parser reads them, and which of them act or lead elsewhere."""

from html.parser import HTMLParser
from urllib.parse import urlsplit

ACTING_TAGS = frozenset(
    {"iframe", "frame", "object", "embed", "applet", "base", "math", "animate", "foreignobject", "style"}
)
ADDRESSES = frozenset({"href", "src", "action", "formaction", "xlink:href", "data", "poster", "srcset", "ping"})
LEADING = frozenset({"a", "area"})  # where a person may be led to another site, by a click


class Reader(HTMLParser):
    """Reads a page.

    Attributes:
        acting: every tag that would run something, ask another site for something, or send something there.
        said: the text of the page.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.acting: list[str] = []
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Judge a tag."""
        given = {name: value or "" for name, value in attrs}
        addresses = [value for name, value in given.items() if name in ADDRESSES]
        away = any(leads_away(address, by_click=tag in LEADING) for address in addresses)
        if away or tag in ACTING_TAGS or any(map(self._acts, given)) or self._runs(tag, given):
            self.acting.append(self.get_starttag_text() or tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Judge a tag that closes itself; browsers take it for one that opens."""
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        """Keep text."""
        self.said += data

    @staticmethod
    def _acts(name: str) -> bool:
        return name.startswith(("on", "hx-on")) or name in {"style", "srcdoc"}

    @staticmethod
    def _runs(tag: str, given: dict[str, str]) -> bool:
        if tag == "meta":
            return given.get("http-equiv", "").lower() in {"refresh", "set-cookie"}
        htmx = [value for name, value in given.items() if name in {"hx-get", "hx-post", "hx-delete", "hx-put"}]
        inline = tag == "script" and "src" not in given and not given.get("nonce")
        return inline or any(leads_away(value, by_click=False) for value in htmx)


def leads_away(address: str, *, by_click: bool) -> bool:
    """Tell whether an address runs something or asks another site, as a browser reads it."""
    read = "".join(letter for letter in address if letter > " ").replace("\\", "/")
    parts = urlsplit(f"http:{read}" if read.startswith("//") else read)
    if parts.scheme in {"", "http", "https"}:
        return bool(parts.netloc) and parts.netloc != "testserver" and not by_click
    return parts.scheme != "mailto" and not address.startswith("data:image/")


def read(html: str) -> Reader:
    """Return a page as a browser's parser reads it."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader
