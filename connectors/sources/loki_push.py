"""Decisions about pushes to Loki: in which form they come, and what they hold. No I/O.

Fluent Bit and Vector push JSON, Promtail and Alloy a protobuf message compressed by Snappy.
"""

import re
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import orjson
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
from google.protobuf.message import DecodeError

from connectors.base import parsed
from connectors.bodies import read_body
from connectors.errors import BadRecord
from connectors.sources.snappy import decompressed
from rcaplatform.kit.errors import DomainError

MOST_BYTES = 32 * 1024 * 1024  # of a push, decompressed
_JSON, _PROTOBUF = "application/json", "application/x-protobuf"
# How each form may be compressed, by Content-Encoding; protobuf always is, said or unsaid.
_CODINGS = {_JSON: {"", "identity", "gzip"}, _PROTOBUF: {"", "snappy"}}
_LABEL = re.compile(r'([A-Za-z_][\w.]*)\s*=\s*("(?:[^"\\]|\\.)*")')
_MOST_LABELS = 100


class UnknownForm(DomainError):
    """The push is in a form that is not read here: send JSON, by itself or in gzip, or protobuf in Snappy."""

    status, code = 415, "unsupported_media_type"


def require_known(headers: Mapping[str, str]) -> None:
    """Return when a push with such headers can be read.

    Raises:
        UnknownForm: it cannot.
    """
    form, coding = _form(headers)
    if coding not in _CODINGS.get(form, ()):
        raise UnknownForm(
            f"{form[:50] or 'No Content-Type'} {coding[:50]} is not read here: send {_JSON} or {_PROTOBUF}."
        )


def read(headers: Mapping[str, str], body: bytes) -> Any:
    """Return a push as JSON.

    Raises:
        BadRecord: it cannot be read.
    """
    form, coding = _form(headers)
    if form == _PROTOBUF:
        return _streams(decompressed(body, limit=MOST_BYTES))
    try:
        return parsed(read_body(BytesIO(body), coding=coding, limit=MOST_BYTES))
    except DomainError as problem:
        raise BadRecord(problem.message) from problem


def _form(headers: Mapping[str, str]) -> tuple[str, str]:
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type, headers.get("content-encoding", "").strip().lower()


def _push_request() -> type[Any]:
    """Return the message that Loki calls ``logproto.PushRequest``, as far as it is read."""
    kind = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="rca/loki_push.proto", package="rca.loki", syntax="proto3")
    file.dependency.append(timestamp_pb2.DESCRIPTOR.name)
    messages: dict[str, list[tuple[str, int, str]]] = {
        "Pair": [("name", 1, ""), ("value", 2, "")],
        "Entry": [("timestamp", 1, ".google.protobuf.Timestamp"), ("line", 2, ""), ("metadata", 3, "*.rca.loki.Pair")],
        "Stream": [("labels", 1, ""), ("entries", 2, "*.rca.loki.Entry")],
        "Push": [("streams", 1, "*.rca.loki.Stream")],
    }
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field, number, of in fields:
            message.field.add(
                name=field,
                number=number,
                type=kind.TYPE_MESSAGE if of else kind.TYPE_BYTES,
                type_name=of.lstrip("*") or None,
                label=kind.LABEL_REPEATED if of.startswith("*") else kind.LABEL_OPTIONAL,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    made: type[Any] = message_factory.GetMessageClass(pool.FindMessageTypeByName("rca.loki.Push"))
    return made


_PUSH = _push_request()


def _streams(body: bytes) -> dict[str, Any]:
    push = _PUSH()
    try:
        push.ParseFromString(body)
    except DecodeError as problem:
        raise BadRecord(f"This is no push in protobuf: {problem}.") from problem
    return {"streams": [{"stream": labels_in(_text(one.labels)), "values": _values(one)} for one in push.streams]}


def _values(stream: Any) -> list[Any]:
    return [
        [
            str(entry.timestamp.seconds * 10**9 + entry.timestamp.nanos),
            _text(entry.line),
            {_text(pair.name): _text(pair.value) for pair in entry.metadata[:_MOST_LABELS]},
        ]
        for entry in stream.entries
    ]


def _text(told: bytes) -> str:
    return told.decode(errors="replace")


def labels_in(text: str) -> dict[str, str]:
    """Return the labels in ``{job="shop", level="error"}``."""
    return {name: _unquoted(quoted) for name, quoted in _LABEL.findall(text)[:_MOST_LABELS]}


def _unquoted(quoted: str) -> str:
    try:
        return str(orjson.loads(quoted))
    except orjson.JSONDecodeError:  # an escape of Go's alone
        return quoted[1:-1]
