"""What every API door shares: JSON in, JSON out, and one shape for everything that goes wrong."""

import gzip
import json
import math
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Any, NoReturn

import orjson
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder
from structlog.contextvars import get_contextvars

from rcaplatform.kit.errors import DomainError, TooLarge
from rcaplatform.kit.jsonio import MAX_DEPTH, depth, texts
from rcaplatform.kit.problems import CONTENT_TYPE, problem_details

_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
_WIDE_NUMBER = re.compile(rb"\d{19}")
_NUL = b"\\u0000"

# What a body of many holds: the number of each with its object, or with what is wrong with it.
Items = Iterator[tuple[int, dict[str, Any] | ParseError | ValidationError]]


class JSONRenderer(BaseRenderer):
    """Says it in JSON: UTF-8, times in UTC with a ``Z``; problems under their own media type."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Return ``data`` as JSON; nothing at all for an answer without a body."""
        if data is None:
            return b""
        context = renderer_context or {}
        response = context.get("response")
        if response is not None and response.exception and response.accepted_renderer is self:
            response["Content-Type"] = CONTENT_TYPE
        options = _OPTIONS | (orjson.OPT_INDENT_2 if context.get("indent") else 0)
        try:
            return orjson.dumps(data, default=str, option=options)
        except orjson.JSONEncodeError:  # an integer over 64 bits, which PostgreSQL and clients may well hold
            return json.dumps(data, cls=JSONEncoder, ensure_ascii=False).encode()


class JSONParser(BaseParser):
    """Reads a JSON object, compressed or not, within bounds, and refuses what PostgreSQL cannot keep."""

    media_type = "application/json"
    renderer_class = JSONRenderer

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the body.

        Raises:
            TooLarge: it passes ``DATA_UPLOAD_MAX_MEMORY_SIZE``.
            ParseError: it is not a JSON object.
            ValidationError: a field nests too deep or holds a NUL character; names the field.
        """
        body = body_of(stream, parser_context, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        return _object(_loads(body), nul=_NUL in body)


class ItemsParser(JSONParser):
    """Reads a JSON array of objects, each by itself: see `Items`."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the items.

        Raises:
            TooLarge: it passes ``BULK_MAX_BYTES``, or there are more than ``BULK_MAX_ITEMS``.
            ParseError: it is not a JSON array.
        """
        body = body_of(stream, parser_context, settings.BULK_MAX_BYTES)
        values = _loads(body)
        if not isinstance(values, list):
            raise ParseError("Send a JSON array of objects, or one object a line as application/x-ndjson.")
        if len(values) > settings.BULK_MAX_ITEMS:
            raise TooLarge(f"A call may have {settings.BULK_MAX_ITEMS:,} items.")
        return _each(enumerate(values), partial(_object, nul=_NUL in body))


class LinesParser(ItemsParser):
    """Reads one JSON object a line, each by itself: see `Items`. Empty lines are passed over."""

    media_type = "application/x-ndjson"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the items, numbered as the lines are, from 0.

        Raises:
            TooLarge: it passes ``BULK_MAX_BYTES``, or there are more than ``BULK_MAX_ITEMS`` lines.
        """
        body = body_of(stream, parser_context, settings.BULK_MAX_BYTES).rstrip()
        lines = body.split(b"\n", settings.BULK_MAX_ITEMS)
        if len(lines) > settings.BULK_MAX_ITEMS:
            raise TooLarge(f"A call may have {settings.BULK_MAX_ITEMS:,} lines.")
        return _each(((number, line) for number, line in enumerate(lines) if line.strip()), _line)


def _each(numbered: Iterable[tuple[int, Any]], read: Callable[[Any], dict[str, Any]]) -> Items:
    for number, given in numbered:
        try:
            yield number, read(given)
        except (ParseError, ValidationError) as problem:
            yield number, problem


def _line(line: bytes) -> dict[str, Any]:
    return _object(_loads(line), nul=_NUL in line)


def _object(value: Any, *, nul: bool) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ParseError('Send a JSON object: {"field": value, …}.')
    if depth(value) > MAX_DEPTH:
        bad = [name for name, part in value.items() if depth(part) >= MAX_DEPTH]
        raise ValidationError(dict.fromkeys(bad, f"This nests deeper than {MAX_DEPTH} levels."))
    if nul:
        _refuse_nul(value)
    return value


def body_of(stream: IO[Any], context: Mapping[str, Any] | None, limit: int) -> bytes:
    """Return the body, decompressed no further than ``limit``.

    Raises:
        TooLarge: it passes ``limit``.
        ParseError: it is not gzip, though it says so.
    """
    coding = context["request"].headers.get("Content-Encoding", "identity").strip().lower() if context else "identity"
    if coding not in ("gzip", "identity"):
        raise UnsupportedMediaType(coding, detail="A body may be compressed with gzip alone.")
    try:
        body: bytes = (gzip.GzipFile(fileobj=stream) if coding == "gzip" else stream).read(limit + 1)
    except (OSError, EOFError, zlib.error) as problem:
        raise ParseError(f"The body is not gzip: {problem}.") from problem
    if len(body) > limit:
        raise TooLarge(f"A body may have {limit:,} bytes.")
    return body


def _loads(body: bytes) -> Any:
    try:
        value = orjson.loads(body)
        # orjson would round an integer over 64 bits; the standard library keeps it.
        return json.loads(body) if _WIDE_NUMBER.search(body) else value
    except ValueError as problem:
        raise ParseError(f"This is not JSON: {problem}.") from problem
    except RecursionError as problem:  # of the standard library, which gives up earlier than orjson
        raise ParseError(f"This is not JSON that is read here: it nests deeper than {MAX_DEPTH} levels.") from problem


def _refuse_nul(body: dict[str, Any]) -> None:
    bad = [name for name, part in body.items() if any("\x00" in text for text in (name, *texts(part)))]
    if bad:
        raise ValidationError({name.replace("\x00", "\ufffd"): "Null characters are not allowed." for name in bad})


@dataclass(frozen=True, slots=True)
class _Problem:
    status: int
    code: str
    detail: str
    errors: Mapping[str, list[str]] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def messages(exc: Exception) -> dict[str, list[str]]:
    """Return what is wrong by field; under the empty name, what no field is to blame for."""
    found = _understood(exc)
    if found is None:
        raise exc
    return dict(found.errors) or {"": [found.detail]}


def problem(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer an error that a caller can act upon; leave every other one to be a logged 500."""
    found = _understood(exc)
    if found is None:
        return None
    headers = dict(found.headers)
    if found.status == 401:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="api"')
    members: dict[str, Any] = {"code": found.code}
    if found.errors:
        members["errors"] = found.errors
    if request_id := get_contextvars().get("request_id"):
        members["request_id"] = request_id
    body = problem_details(found.status, found.detail, **members, **found.extra)
    return Response(body, status=found.status, headers=headers, exception=True)


def _understood(exc: Exception) -> _Problem | None:
    match exc:
        case DomainError():
            errors = {name: [message] for name, message in exc.fields.items()}
            more = {name: getattr(exc, name, {}) for name in ("extra", "headers")}
            return _Problem(exc.status, exc.code, exc.message, errors, **more)
        case ValidationError():
            errors = dict(_flat(exc.detail))
            return _Problem(400, "invalid", _summary(errors), errors)
        case APIException():
            return _from_framework(exc)
        case ModelValidationError():
            errors = exc.message_dict if hasattr(exc, "error_dict") else {"": exc.messages}
            return _Problem(400, "invalid", _summary(errors), errors)
    for kind, status, code, said in _OTHERS:
        if isinstance(exc, kind):
            return _Problem(status, code, said or str(exc))
    return None


# What Django and the database raise: kind, status, code, and what to say where their own words would not help.
_OTHERS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (Http404, 404, "not_found", ""),
    (PermissionDenied, 403, "not_allowed", "This is not permitted."),
    (RequestDataTooBig, 413, "too_large", "The request is too large."),
    (TooManyFieldsSent, 413, "too_large", "The request has too many fields."),
    (DataError, 400, "invalid", "A value does not fit the database: too long, too large or out of range."),
    (IntegrityError, 409, "conflict", "This contradicts what is stored."),
    (OperationalError, 503, "unavailable", "The database does not answer: try again in a few seconds."),
    (InterfaceError, 503, "unavailable", "The database does not answer: try again in a few seconds."),
)


def _from_framework(exc: APIException) -> _Problem:
    headers = {}
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = str(math.ceil(wait))
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    said = exc.detail
    text = said.get("detail", exc.default_detail) if isinstance(said, dict) else said
    return _Problem(exc.status_code, exc.default_code, str(text), headers=headers)


def _flat(detail: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield dotted paths with their messages: ``tags.0`` is the first of the tags."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            own = "" if name == "non_field_errors" else str(name)
            yield from _flat(inner, ".".join(filter(None, (path, own))))
    elif isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        for number, inner in enumerate(detail):
            if inner:
                yield from _flat(inner, f"{path}.{number}" if path else str(number))
    else:
        yield path, [str(item) for item in detail] if isinstance(detail, list) else [str(detail)]


def _summary(errors: Mapping[str, list[str]]) -> str:
    return " ".join(f"{name}: {' '.join(said)}" if name else " ".join(said) for name, said in errors.items())


def refuse(name: str, message: str) -> NoReturn:
    """Refuse a request because of one field or parameter.

    Raises:
        ValidationError: always; names it.
    """
    raise ValidationError({name: [message]})
