"""Decision: what bytes in Snappy's block format hold, within bounds. Only reading; no library is needed for it.

The format: github.com/google/snappy, format_description.txt.
"""

from connectors.errors import BadRecord

_WIDEST_VARINT = 5


def decompressed(body: bytes, *, limit: int) -> bytes:
    """Return what a block holds.

    Raises:
        BadRecord: it is none, or holds more than ``limit`` bytes.
    """
    try:
        size, place = _varint(body)
        if size > limit:
            raise BadRecord(f"The body holds {size:,} bytes; at most {limit:,} are taken.")
        held = _elements(body, place, size)
    except IndexError as problem:
        raise BadRecord("The body is not whole, or not in Snappy's format.") from problem
    if len(held) != size:
        raise BadRecord("The body does not hold what it says, or is not in Snappy's format.")
    return bytes(held)


def _elements(body: bytes, place: int, size: int) -> bytearray:
    held = bytearray()
    while place < len(body) and len(held) <= size:
        tag = body[place]
        kind, upper, place = tag & 3, tag >> 2, place + 1
        if kind == 0:
            length, place = _literal(body, upper, place)
            held += body[place : place + length]
            place += length
            continue
        width = (0, 1, 2, 4)[kind]
        back = int.from_bytes(_taken(body, place, width), "little")
        length = upper + 1
        if kind == 1:
            length, back = (upper & 7) + 4, back | tag >> 5 << 8
        place += width
        if not 0 < back <= len(held):
            raise BadRecord("The body refers to what it does not hold: it is not in Snappy's format.")
        start = len(held) - back
        if back >= length:
            held += held[start : start + length]
        else:  # what is copied begins within itself: it repeats
            held += (bytes(held[start:]) * (length // back + 1))[:length]
    return held


def _literal(body: bytes, upper: int, place: int) -> tuple[int, int]:
    """Return the length of a literal, and where it begins."""
    width = max(0, upper - 59)
    length = int.from_bytes(_taken(body, place, width), "little") if width else upper
    return length + 1, place + width


def _taken(body: bytes, place: int, width: int) -> bytes:
    if place + width > len(body):
        raise IndexError
    return body[place : place + width]


def _varint(body: bytes) -> tuple[int, int]:
    number = 0
    for place in range(_WIDEST_VARINT):
        number |= (body[place] & 0x7F) << 7 * place
        if not body[place] & 0x80:
            return number, place + 1
    raise BadRecord("The body does not begin with its size: it is not in Snappy's format.")
