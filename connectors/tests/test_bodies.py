"""A body is read within bounds, however it is compressed."""

import gzip
import io
import tracemalloc
import zlib

import pytest
from django.http.request import UnreadablePostError

from connectors.bodies import UnknownCoding, read_body
from rcaplatform.kit.errors import Invalid, TooLarge

LIMIT = 200_000


def read(body: bytes, coding: str = "gzip") -> bytes:
    return read_body(io.BytesIO(body), coding=coding, limit=LIMIT)


@pytest.mark.parametrize("size", [0, 1, 70_000, LIMIT])
def test_it_is_what_was_sent(size: int) -> None:
    body = bytes(number * 7919 % 251 for number in range(size))
    assert read(gzip.compress(body)) == body
    assert read(body, "") == body
    assert read(body, " Identity ") == body


def test_an_empty_body_needs_no_compressing() -> None:
    assert read(b"") == b""


@pytest.mark.parametrize(
    ("body", "coding"),
    [(b"x" * (LIMIT + 1), ""), (gzip.compress(b"x" * (LIMIT + 1)), "gzip"), (gzip.compress(bytes(10**8)), "gzip")],
    ids=["plain", "gzip", "a bomb"],
)
def test_more_than_the_limit_is_too_large(body: bytes, coding: str) -> None:
    with pytest.raises(TooLarge, match="200,000 bytes, decompressed"):
        read(body, coding)


def test_a_bomb_is_not_blown_up() -> None:
    bomb = gzip.compress(bytes(10**8))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            read(bomb)
        assert tracemalloc.get_traced_memory()[1] < 10 * LIMIT
    finally:
        tracemalloc.stop()


def test_compressed_bytes_that_say_nothing_are_counted_too() -> None:
    empty_blocks = zlib.compressobj(wbits=31)
    body = empty_blocks.compress(b"") + empty_blocks.flush(zlib.Z_SYNC_FLUSH) + b"\x00\x00\x00\xff\xff" * 100_000
    with pytest.raises(TooLarge):
        read(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"not gzip", "not gzip"),
        (gzip.compress(b"whole")[:-3], "ended before it was whole"),
        (gzip.compress(b"one") + gzip.compress(b"two"), "follows the end"),
        (zlib.compress(b"deflate"), "not gzip"),
    ],
    ids=["text", "cut off", "two members", "deflate"],
)
def test_what_is_not_one_whole_gzip_stream_is_invalid(body: bytes, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        read(body)


def test_another_coding_is_not_understood() -> None:
    with pytest.raises(UnknownCoding, match="gzip or identity, not br"):
        read(b"", "br")


def test_a_client_that_hangs_up_is_told_so() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise UnreadablePostError("gone")

    with pytest.raises(Invalid, match="ended before it was whole"):
        read_body(Broken(), coding="gzip", limit=LIMIT)
