"""Decision: how much of a request's body is read, and how it is decompressed on the way."""

import zlib
from typing import Protocol

from django.http.request import UnreadablePostError

from rcaplatform.kit.errors import DomainError, Invalid, TooLarge

_CHUNK = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS


class UnknownCoding(DomainError):
    """The body is compressed in a way that is not understood here: send gzip, or nothing compressed."""

    status, code = 415, "unsupported_content_encoding"


class Readable(Protocol):
    """What a body is read from."""

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes; none at the end."""


def read_body(stream: Readable, *, coding: str, limit: int) -> bytes:
    """Return a body of at most ``limit`` bytes, decompressed.

    Compressed bytes are read and undone piece by piece, so that no more than the limit is ever held.

    Args:
        coding: the header ``Content-Encoding``: gzip, identity or nothing.

    Raises:
        TooLarge: it is larger than the limit, as sent or decompressed.
        Invalid: it ends early or is not gzip.
        UnknownCoding: it is compressed otherwise.
    """
    coding = coding.strip().lower()
    if coding not in {"", "identity", "gzip"}:
        raise UnknownCoding(f"Content-Encoding may be gzip or identity, not {coding[:50]}.")
    try:
        body = _inflated(stream, limit) if coding == "gzip" else stream.read(limit + 1)
    except UnreadablePostError as problem:
        raise Invalid("The body ended before it was whole.") from problem
    if len(body) > limit:
        raise _too_large(limit)
    return body


def _inflated(stream: Readable, limit: int) -> bytes:
    member, parts, taken, size = zlib.decompressobj(_GZIP), [], 0, 0
    while chunk := stream.read(_CHUNK):
        taken += len(chunk)
        try:
            part = member.decompress(chunk, limit + 1 - size)
        except zlib.error as problem:
            raise Invalid("The body is not gzip, though Content-Encoding says so.") from problem
        size += len(part)
        if max(taken, size) > limit:
            raise _too_large(limit)
        parts.append(part)
        if member.unused_data:
            raise Invalid("Something follows the end of the gzip stream.")
    if taken and not member.eof:
        raise Invalid("The gzip stream ended before it was whole.")
    return b"".join(parts)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"A body may have {limit:,} bytes, decompressed: send less at a time.")
