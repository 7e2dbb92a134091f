"""Questions common to every list: filters that refuse what they do not know, full text in two steps, and an order."""
# mypy: disable-error-code="import-untyped, misc, no-any-return"

from collections.abc import Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, ClassVar

from django import forms
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchHeadline, SearchQuery, SearchRank
from django.db.models import F, Func, QuerySet, TextChoices, TextField
from django.utils.html import escape
from django_filters import rest_framework as filters
from django_filters.fields import IsoDateTimeField
from django_filters.utils import translate_validation
from drf_spectacular.utils import extend_schema_field
from rest_framework.request import Request

from rcaplatform.kit.paging import Afterwards, capped_count
from rcaplatform.kit.rest import refuse

CONFIG = "english"
RANKED = 1_000  # up to so many matches are ranked; of more, the newest come first
RANK = "rank"
WINDOW = 5_000  # rows worth walking by time for a page of matches
_PAGE = 21  # a page of the usual length, and one more
_PAGING = frozenset({"page", "per_page", "cursor", "format"})
_BEGIN, _END = "\ue000", "\ue001"  # private use: nothing a text would hold


def sorts(*names: str) -> filters.ChoiceFilter:
    """Return the filter `sort` of a list that offers these orders; the first is the default.

    An order is a column's name, ``-`` before it for descending, or `RANK`. Equal rows are told apart by the key.
    """
    label = f"Order of the list; {names[0]} unless told. Best matches first ({RANK}) needs q."
    return filters.ChoiceFilter(choices=[(name, name) for name in names], method="later", label=label)


class _Words(forms.MultipleChoiceField):
    """Words of anybody's choice, given one by one."""

    def valid_value(self, value: str) -> bool:
        """Pass whatever PostgreSQL can compare."""
        return "\x00" not in value


@extend_schema_field({"type": "array", "items": {"type": "string"}, "description": "Has each of these tags."})
class TagFilter(filters.Filter):
    """Keeps what has every tag given."""

    field_class = _Words

    def filter(self, qs: QuerySet[Any], value: list[str]) -> QuerySet[Any]:
        """Return what has them all."""
        return qs.filter(tags__contains=value) if value else qs


class _Moment(IsoDateTimeField):
    """A time that PostgreSQL can compare; a ``+`` that the address turned into a space is understood."""

    def to_python(self, value: Any) -> datetime | None:
        """Return the time."""
        if isinstance(value, str) and "T" in value:
            value = value.replace(" ", "+")
        try:
            moment: datetime | None = super().to_python(value)
            return moment and moment.astimezone(UTC)
        except OverflowError as problem:
            raise forms.ValidationError("There is no such time.") from problem


class MomentFilter(filters.IsoDateTimeFilter):
    """Compares with a time (ISO 8601; UTC unless told)."""

    field_class = _Moment


class _YesNo(forms.CharField):
    """True or false; anything else is a mistake, not "no filter"."""

    SAID: ClassVar[Mapping[str, bool | None]] = {"true": True, "1": True, "false": False, "0": False, "": None}

    def to_python(self, value: Any) -> Any:
        """Return which."""
        said = str(value or "").strip().lower()
        if said not in self.SAID:
            raise forms.ValidationError("Give true or false.")
        return self.SAID[said]


class YesNoFilter(filters.BooleanFilter):
    """Keeps what is so, or what is not."""

    field_class = _YesNo

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, widget=forms.TextInput, **options)  # its own takes a typo for nothing


def any_of(choices: type[TextChoices], label: str, **options: Any) -> filters.MultipleChoiceFilter:
    """Return a filter that may be given several times, of which one must hold."""
    return filters.MultipleChoiceFilter(choices=choices.choices, distinct=False, label=label, **options)


class Filters(filters.FilterSet):
    """Filters, all of which must hold.

    Attributes:
        complete: False when more rows match a search than can be ranked; counting them would cost as much.
        counted: how many match a search, where there is one, up to as many as can be ranked.
    """

    base_filters: dict[str, filters.Filter]
    complete = True
    counted: int | None = None

    def __init__(
        self, data: Any = None, queryset: QuerySet[Any] | None = None, *, request: Request | None = None, **options: Any
    ) -> None:
        """Make only the filters that are asked for: copies and form fields of all would cost more than the query.

        The browsable API shows them all.
        """
        every = type(self).base_filters
        renderer = getattr(request, "accepted_renderer", None)
        if data is not None and getattr(renderer, "format", "") != "api":
            every = {name: one for name, one in every.items() if name in data or one.extra["required"]}
        self.base_filters = every  # of this one; the framework copies them
        super().__init__(data, queryset, request=request, **options)


class ListFilters(Filters):
    """The filters of a list; then the search, then the order. A subclass adds `sort`."""

    q = filters.CharFilter(
        method="later", max_length=500, label='Full text: words, "a phrase", OR, -not. Combines with every filter.'
    )

    def later(self, queryset: QuerySet[Any], _name: str, _value: str) -> QuerySet[Any]:
        """Leave search and order until every filter has been applied."""
        return queryset

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Apply every filter, the search, and the order.

        Raises:
            ValidationError: two values contradict one another; names one of them.
        """
        chosen = self.form.cleaned_data
        if chosen.get("start") and chosen.get("end") and chosen["start"] > chosen["end"]:
            refuse("start", "This is after end.")
        offered = [name for name, _ in type(self).base_filters["sort"].extra["choices"]]
        text, sort = chosen.get("q"), chosen.get("sort") or offered[0]
        if sort == RANK and not text:
            refuse("sort", f"{RANK} needs q, the words to rank by.")
        found = super().filter_queryset(queryset)
        if not text:
            return ordered(found, sort)
        order = next(name for name in offered if name != RANK) if sort == RANK else sort
        found, matches = search(found, text, order)
        self.complete = matches <= RANKED
        self.counted = min(matches, RANKED)
        if sort == RANK and self.complete:
            return found.annotate(rank=SearchRank(F("search"), web_query(text))).order_by("-rank", "-id")
        return found


class Filtered(filters.DjangoFilterBackend):
    """Applies a view's filters and refuses a parameter it does not know, so that a typo is not "no filter".

    A view may have filters ``fixed`` by its address: they are checked like any other, and cannot be given again.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        """Return what passes.

        Raises:
            ValidationError: a parameter is unknown, given twice where one is meant, or wrong; names it.
        """
        filterset_class = self.get_filterset_class(view, queryset)
        known = dict(filterset_class.base_filters) if filterset_class else {}
        known |= dict.fromkeys(_PAGING if view.pagination_class else ("format",))
        fixed = getattr(view, "fixed", ())
        for name, values in request.query_params.lists():
            if name not in known:
                near = get_close_matches(name, known, n=1)
                refuse(name, "There is no such parameter." + (f" Did you mean {near[0]}?" if near else ""))
            if name in fixed:
                refuse(name, "The address says this already.")
            if len(values) > 1 and not _takes_many(known[name]):
                refuse(name, "Give this once.")
        filterset = self.get_filterset(request, queryset, view)
        if filterset is None:
            return queryset
        if not filterset.is_valid():
            raise translate_validation(filterset.errors)
        found: QuerySet[Any] = filterset.qs
        view.counted, view.complete = filterset.counted, filterset.complete
        return found

    def get_filterset_kwargs(self, request: Request, queryset: QuerySet[Any], view: Any) -> dict[str, Any]:
        """Add what the address says to what the parameters say."""
        kwargs: dict[str, Any] = super().get_filterset_kwargs(request, queryset, view)
        if fixed := getattr(view, "fixed", ()):
            kwargs["data"] = kwargs["data"].copy()
            kwargs["data"].update({name: view.kwargs[name] for name in fixed})
        return kwargs


def _takes_many(one: filters.Filter | None) -> bool:
    return one is not None and issubclass(one.field_class, forms.MultipleChoiceField)


def web_query(text: str) -> SearchQuery:
    """Return ``text``, in web search syntax, as a query."""
    return SearchQuery(text, search_type="websearch", config=CONFIG)


def ordered(queryset: QuerySet[Any], sort: str) -> QuerySet[Any]:
    """Return the rows in an order that leaves none equal."""
    return queryset.order_by(sort, "-id" if sort.startswith("-") else "id")


def search(queryset: QuerySet[Any], text: str, order: str) -> tuple[QuerySet[Any], int]:
    """Return the rows that match ``text`` in ``order``, and how many they are: of more than `RANKED`, one more.

    In steps, because one statement misleads the planner: asked for the newest matches of a word that hardly occurs, or
    occurs only long ago, it walks the whole table by time. So the index of words is asked first how many there are.
    Of more than can be ranked, the first page is looked for among the first rows in ``order``; if it is there, walking
    is right. Else the index of words finds all matches, which are sorted afterwards.
    """
    matching = queryset.filter(search=web_query(text))
    matches = capped_count(matching, RANKED + 1)
    if matches > RANKED and _dense(queryset, text, order):
        return ordered(matching, order), matches
    column, sign = order.removeprefix("-"), order[: order.startswith("-")]
    return ordered(matching.alias(afterwards=Afterwards(column)), f"{sign}afterwards"), matches


def _dense(queryset: QuerySet[Any], text: str, order: str) -> bool:
    """Return whether the first rows in ``order`` hold a page of matches; reads those rows and no index of words."""
    column = order.removeprefix("-")
    edge = list(queryset.order_by(order).values_list(column, flat=True)[WINDOW : WINDOW + 1])
    if not edge:
        return True
    first = {f"{column}__gte" if order.startswith("-") else f"{column}__lte": edge[0]}
    matching = queryset.alias(words=Afterwards("search")).filter(words=web_query(text), **first)
    return capped_count(matching, _PAGE) == _PAGE


def with_excerpt(queryset: QuerySet[Any], text: str, *columns: str) -> QuerySet[Any]:
    """Add ``excerpt``: what each of ``columns`` says of ``text``; `marked` chooses among them."""
    bounds: dict[str, Any] = {"max_words": 30, "min_words": 12, "max_fragments": 1}
    query = web_query(text)
    said = [
        SearchHeadline(F(name), query, config=CONFIG, start_sel=_BEGIN, stop_sel=_END, **bounds) for name in columns
    ]
    each = Func(*said, function="ARRAY", template="%(function)s[%(expressions)s]", output_field=ArrayField(TextField()))
    return queryset.annotate(excerpt=each)


def marked(excerpts: list[str]) -> str:
    """Return the first excerpt with a match as HTML: everything escaped, matches in ``<mark>``."""
    chosen = next((text for text in excerpts if _BEGIN in text), excerpts[0])
    return str(escape(chosen)).replace(_BEGIN, "<mark>").replace(_END, "</mark>")
