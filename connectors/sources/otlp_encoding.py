"""Decisions about the two encodings of OTLP/HTTP: bytes to messages and back, in protobuf and in JSON. No I/O."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import DecodeError, Message

from rcaplatform.kit.errors import Invalid, TooLarge

# Reading JSON costs about five microseconds a value.
MAX_VALUES = 2_000_000
_IDS = ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id")
_MAX_SAID = 300
# Of google.rpc.Code, by HTTP status; anything else is UNKNOWN.
_CODES = {400: 3, 401: 16, 403: 7, 413: 8, 415: 3, 429: 8, 503: 14}
_UNKNOWN = 2


@dataclass(frozen=True, slots=True)
class Encoding:
    """One way of writing messages.

    Attributes:
        read: fills a message from a body, an empty one included; raises Invalid when the body is not one, TooLarge
            when it holds too much.
        write: returns a message as a body.
        problem: returns a ``google.rpc.Status`` for an HTTP status and what there is to say.
    """

    media_type: str
    read: Callable[[bytes, Message], None]
    write: Callable[[Message], bytes]
    problem: Callable[[int, str], bytes]


def _read_protobuf(body: bytes, message: Message) -> None:
    try:
        message.ParseFromString(body)
    except DecodeError as problem:
        raise Invalid(f"The body is not a protobuf {message.DESCRIPTOR.name}.") from problem


def _read_json(body: bytes, message: Message) -> None:
    name = message.DESCRIPTOR.name
    try:
        value = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as problem:
        raise Invalid(f"The body is not JSON: {problem}.") from problem
    if not isinstance(value, dict):
        raise Invalid(f"The body is not a JSON {name}.")
    _write_ids_in_base64(value)
    try:
        ParseDict(value, message, ignore_unknown_fields=True)
    except ParseError as problem:
        raise Invalid(f"The body is not a JSON {name}: {str(problem)[:_MAX_SAID]}") from problem
    except (RecursionError, TypeError) as problem:  # lists within lists, where protobuf knows none
        raise Invalid(f"The body is not a JSON {name}: it nests too deep, or as no {name} does.") from problem


def _write_ids_in_base64(body: dict[str, Any]) -> None:
    """Turn ids from hexadecimal, as OTLP has them, into base64, as JSON of protobuf has bytes.

    No name a client chose is a key of this JSON: attributes are ``{"key": …, "value": …}``.
    """
    rest: list[Any] = [body]
    seen = 0
    while rest:
        item = rest.pop()
        seen += 1
        if seen > MAX_VALUES:
            raise TooLarge(f"JSON may hold {MAX_VALUES:,} values: send less at a time, or protobuf.")
        if isinstance(item, list):
            rest.extend(item)
        elif isinstance(item, dict):
            rest.extend(item.values())
            for name in _IDS:
                if isinstance(written := item.get(name), str):
                    item[name] = _in_base64(name, written)


def _in_base64(name: str, written: str) -> str:
    try:
        return b64encode(bytes.fromhex(written)).decode()
    except ValueError as problem:
        raise Invalid(f"{name}: {written[:50]!r} is not hexadecimal.", fields={name: "Not hexadecimal."}) from problem


def _write_protobuf(message: Message) -> bytes:
    written: bytes = message.SerializeToString()
    return written


def _write_json(message: Message) -> bytes:
    return orjson.dumps(MessageToDict(message))


def _json_problem(status: int, said: str) -> bytes:
    return orjson.dumps({"code": _CODES.get(status, _UNKNOWN), "message": said})


def _protobuf_problem(status: int, said: str) -> bytes:
    """Write the two fields by hand: no package that this product runs on has ``google.rpc.Status``."""
    text = said.encode()
    return b"\x08%c\x12%b%b" % (_CODES.get(status, _UNKNOWN), _varint(len(text)), text)


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


PROTOBUF = Encoding("application/x-protobuf", _read_protobuf, _write_protobuf, _protobuf_problem)
JSON = Encoding("application/json", _read_json, _write_json, _json_problem)
