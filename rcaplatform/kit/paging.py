"""Pages of a list: by number near its beginning, by cursor at any depth. Never counts a whole table."""

import base64
import time
from collections.abc import Callable, Hashable, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import orjson
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import F, Field, Func, QuerySet, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import GreaterThan, LessThan
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from rcaplatform.kit.rest import refuse

PER_PAGE, MOST_PER_PAGE = 20, 100
COUNTED = 10_000  # counting further costs more than anybody learns from it
REACH = 10_000  # OFFSET reads everything before the page: beyond this use the cursor
REMEMBERED, MOST_REMEMBERED = 60.0, 1_000  # seconds, questions


def capped_count(queryset: QuerySet[Any], cap: int) -> int:
    """Return the number of rows, or ``cap`` when there are as many or more; reads at most so many rows."""
    return queryset.order_by().values("pk")[:cap].count()


class Plenty:
    """Counts, and remembers for a minute which questions have more answers than are counted: those stay so.

    The count of such a list costs twenty times its page. Any other count is asked for anew, as it may change by one.
    """

    def __init__(self) -> None:
        self._until: dict[Hashable, float] = {}

    def count(self, queryset: QuerySet[Any], question: Hashable) -> int:
        """Return the number of rows, at most `COUNTED`. Equal questions have the same rows."""
        now = time.monotonic()
        if self._until.get(question, 0.0) > now:
            return COUNTED
        total = capped_count(queryset, COUNTED)
        if total == COUNTED:
            if len(self._until) >= MOST_REMEMBERED:
                self._until.clear()
            self._until[question] = now + REMEMBERED
        return total

    def clear(self) -> None:
        """Forget everything."""
        self._until.clear()


plenty = Plenty()


class Pages(BasePagination):
    """`page` and `per_page` (20, at most 100), or `cursor`: empty at first, then as `next` and the Link header give it.

    A cursor stands between two rows, so that rows which come or go elsewhere neither repeat nor hide one. It needs a
    list in the order of plain columns that ends with the key. A view may have ``counted`` its rows already, and
    say whether that is ``complete``.
    """

    def paginate_queryset(
        self, queryset: Any, request: Request, view: Any = None, shape: Callable[[Any], Any] = lambda rows: rows
    ) -> list[Any]:
        """Return the rows of the page asked for, in a ``shape`` whose joins and columns counting does without.

        Raises:
            ValidationError: a parameter is wrong; names it.
        """
        self.request = request
        self.counted: int | None = getattr(view, "counted", None)
        self.complete: bool = getattr(view, "complete", True)
        self.headers: dict[str, str] = {}
        self.total: int | None = None
        self.links: dict[str, str] = {}
        params = request.query_params
        self.per_page = min(_number(params, "per_page", PER_PAGE), MOST_PER_PAGE)
        self.headers["X-Per-Page"] = str(self.per_page)
        if order := order_of(queryset):
            self.headers["X-Sort"] = order[0].removeprefix("-") if order[0] == "-rank" else order[0]
        if "cursor" not in params:
            return self._by_number(queryset, shape(queryset), _number(params, "page", 1))
        if "page" in params:
            refuse("cursor", "Give page or cursor, not both.")
        return self.read_on(shape(queryset), params["cursor"])

    def read(self, queryset: QuerySet[Any], start: int, stop: int) -> list[Any]:
        """Return the rows of a page by number."""
        return list(queryset[start:stop])

    def count(self, queryset: QuerySet[Any]) -> int:
        """Return how many rows there are, at most so many as are counted, and note whether that is all."""
        if self.counted is None:
            question = (self.request.user.pk, self.request.path, self._others)
            self.counted = plenty.count(queryset, question)
            self.complete = self.counted < COUNTED
        return self.counted

    def _by_number(self, plain: QuerySet[Any], queryset: QuerySet[Any], page: int) -> list[Any]:
        if page * self.per_page > REACH:
            refuse("page", f"Pages end at row {REACH:,}; use ?cursor= to read on at any depth.")
        start = (page - 1) * self.per_page
        rows = self.read(queryset, start, start + self.per_page + 1)
        more = len(rows) > self.per_page
        known = bool(rows or page == 1) and not more
        self.total = start + len(rows) if known else self.count(plain)
        self.headers |= {"X-Page": str(page), "X-Total-Count": str(self.total)}
        numbers = {"first": 1, "prev": page - 1, "last": max(1, -(-self.total // self.per_page))}
        if not (known or self.complete):
            self.headers["X-Total-Count-Capped"] = "true"
            del numbers["last"]
        if more and (page + 1) * self.per_page <= REACH:
            numbers["next"] = page + 1
        self.links = {rel: self._url("page", str(number)) for rel, number in numbers.items() if number}
        return rows[: self.per_page]

    def read_on(self, queryset: QuerySet[Any], cursor: str) -> list[Any]:
        """Return the rows that follow a cursor."""
        keyset = Keyset(queryset)
        if cursor:
            queryset = keyset.after(queryset, cursor)
        rows = list(queryset[: self.per_page + 1])
        self.links["first"] = self._url("cursor", "")
        if len(rows) > self.per_page:
            self.links["next"] = self._url("cursor", keyset.cursor(rows[self.per_page - 1]))
        return rows[: self.per_page]

    @cached_property
    def _address(self) -> str:
        return str(self.request.build_absolute_uri(self.request.path))

    @cached_property
    def _others(self) -> str:
        """The parameters that say which rows, as the address ends with them."""
        names = self.request.query_params.lists()
        return urlencode([(name, values) for name, values in names if name not in {"page", "cursor"}], doseq=True)

    def _url(self, name: str, value: str) -> str:
        place = urlencode({name: value})
        return f"{self._address}?{self._others}&{place}" if self._others else f"{self._address}?{place}"

    def get_paginated_response(self, data: Any) -> Response:
        """Return the page with its neighbours, in the body and as headers."""
        links = ", ".join(f'<{url}>; rel="{rel}"' for rel, url in self.links.items())
        neighbours = {"next": self.links.get("next"), "previous": self.links.get("prev")}
        body = {"count": self.total, **neighbours, "results": data}
        return Response(body, headers={**self.headers, "Link": links})

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters in OpenAPI."""
        return [
            _parameter("page", f"Number of the page, from 1; page * per_page at most {REACH:,}.", "integer", minimum=1),
            _parameter(
                "per_page",
                "Rows a page; more are cut to the maximum.",
                "integer",
                minimum=1,
                maximum=MOST_PER_PAGE,
                default=PER_PAGE,
            ),
            _parameter("cursor", "Instead of page, for any depth: empty at first, then as `next` gives it.", "string"),
        ]

    def get_paginated_response_schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Describe the body in OpenAPI."""
        url = {"type": ["string", "null"], "format": "uri"}
        count = {"type": ["integer", "null"], "description": f"At most {COUNTED:,}; null when paging by cursor."}
        return {
            "type": "object",
            "required": ["count", "next", "previous", "results"],
            "properties": {"count": count, "next": url, "previous": url, "results": schema},
        }


class Afterwards(Coalesce):
    """A column's value which no index knows: rows ordered by it are found first, by another index, and sorted then."""

    def __init__(self, column: str) -> None:
        super().__init__(F(column), F(column))
        self.column = column


def order_of(queryset: QuerySet[Any]) -> list[str]:
    """Return what a list is ordered by: columns, ``-`` before a descending one."""
    names = []
    for name in map(str, queryset.query.order_by):
        found: Any = queryset.query.annotations.get(name.removeprefix("-"))
        names.append(name[: name.startswith("-")] + found.column if isinstance(found, Afterwards) else name)
    return names


class Keyset:
    """The columns a list is ordered by, as a place to read on from.

    Raises:
        ValidationError: the list has no such order; names ``cursor``.
    """

    def __init__(self, queryset: QuerySet[Any]) -> None:
        meta = queryset.query.get_meta()
        self.ordering = order_of(queryset) or [str(name) for name in meta.ordering or ()]
        self.names = [name.removeprefix("-") for name in self.ordering]
        self.descending = self.ordering[0].startswith("-")
        one_way = all(name.startswith("-") == self.descending for name in self.ordering)
        columns = {field.name: field for field in meta.concrete_fields}
        if not one_way or self.names[-1] != "id" or not columns.keys() >= set(self.names):
            refuse("cursor", "This order has no cursor: leave sort out, or use page.")
        self.fields: list[Field[Any, Any]] = [columns[name] for name in self.names]

    def cursor(self, row: Any) -> str:
        """Return the place just after ``row``."""
        values = [row[name] if isinstance(row, dict) else getattr(row, name) for name in self.names]
        return base64.urlsafe_b64encode(orjson.dumps([self.ordering[0], *values])).rstrip(b"=").decode()

    def after(self, queryset: QuerySet[Any], cursor: str) -> QuerySet[Any]:
        """Return what comes after a cursor: one comparison of rows, which the index of the order answers.

        Raises:
            ValidationError: it is not a cursor of this list; names it.
        """
        try:
            place = self._place(cursor)
        except (ValueError, TypeError, ValidationError):
            refuse("cursor", "This is no cursor of this list in this order.")
        # A row of columns has no type of its own to Django, which wants one before it compares.
        kind = self.fields[-1]
        columns = Func(*map(F, self.names), function="ROW", output_field=kind)
        compare = LessThan if self.descending else GreaterThan
        return queryset.filter(compare(columns, Func(*place, function="ROW", output_field=kind)))

    def _place(self, cursor: str) -> list[Value]:
        order, *texts = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if order != self.ordering[0]:
            raise ValueError(order)
        pairs = zip(self.fields, texts, strict=True)
        return [Value(field.clean(text, None), output_field=field) for field, text in pairs]


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """For the admin: says 10,000 where there are more, instead of counting them."""

    @cached_property
    def count(self) -> int:
        """The number of rows, capped."""
        return capped_count(self.object_list, COUNTED)  # type: ignore[arg-type]


def _number(params: Mapping[str, str], name: str, default: int) -> int:
    text = params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 9 and int(text) > 0):
        refuse(name, "Give a whole number from 1.")
    return int(text)


def _parameter(name: str, description: str, kind: str, **schema: int) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": {"type": kind, **schema},
    }
