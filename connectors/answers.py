"""Answers of sources: what a good one is, and how a body is read within bounds. No database here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from connectors.bodies import UnknownCoding, read_body
from connectors.errors import SourceUnavailable
from connectors.verdicts import BROKEN, broken
from connectors.windows import Overfull
from rcaplatform.kit.errors import Invalid, TooLarge

MOST_BYTES = 32 * 1024 * 1024  # of one answer, decompressed


class TooMuch(Overfull, SourceUnavailable):
    """The answer is larger than any is taken: a source that is read in windows asks for shorter ones."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer (2xx), read whole. Header names are lower-case; ``url`` is where it came from in the end."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str = ""

    def json(self) -> Any:
        """Return the parsed body.

        Raises:
            SourceUnavailable: it is no JSON; a proxy's page, or an answer cut short.
        """
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError as problem:
            raise SourceUnavailable(f"The source's answer is not JSON: {problem}.") from problem

    def link(self, rel: str) -> str:
        """Return the whole address that the Link header gives for ``rel``, or nothing."""
        links = httpx.Response(self.status, headers=dict(self.headers)).links
        address = links.get(rel, {}).get("url", "")
        return str(httpx.URL(self.url).join(address)) if address else ""


class _Pieces:
    """The body of an answer, as sent."""

    def __init__(self, response: httpx.Response) -> None:
        self._pieces = response.iter_raw()
        self._held = bytearray()

    def read(self, size: int, /) -> bytes:
        """Return ``size`` bytes; fewer at the end alone."""
        while len(self._held) < size and (piece := next(self._pieces, None)) is not None:
            self._held += piece
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken


def whole_body(response: httpx.Response, most: int = MOST_BYTES) -> bytes:
    """Return the body, decompressed.

    Raises:
        TooMuch: it is larger than ``most``.
        SourceUnavailable: it is not whole.
    """
    place = place_of(response.url)
    try:
        return read_body(_Pieces(response), coding=response.headers.get("content-encoding", ""), limit=most)
    except TooLarge as problem:
        raise TooMuch(f"{place} answers with more than {most / 2**20:.0f} MiB at once.") from problem
    except (Invalid, UnknownCoding) as problem:
        raise SourceUnavailable(f"{place} gave an answer that cannot be decompressed: {problem}") from problem
    except BROKEN as problem:
        raise broken(problem, place=place) from problem


def place_of(url: httpx.URL) -> str:
    """Return an address without its query and the user in it."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}{url.path}"
