"""What every resource of the API shares: scope, strict bodies, versions, and the usual verbs."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from itertools import islice
from typing import Any, ClassVar

from django.db.models import F, Model, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import GenericViewSet

from rcaplatform.kit.errors import Conflict
from rcaplatform.kit.replica import may_lag
from rcaplatform.kit.rest import refuse

MOST_NAMED = 20  # unknown fields told of in one answer: looking for what was meant takes its time


class Stale(Conflict):
    """What the client wants to change is not what is there any more: look at ``present`` and decide."""

    status, code = 412, "stale"

    def __init__(self, message: str, *, present: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.extra = {"present": present}


class Shown(serializers.Serializer[Any]):
    """Shows objects by fields that were made once for the class: to make them costs four times what showing does.

    So no field of it may depend on the request.
    """

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Return what is shown of an object."""
        values: dict[str, Any] = super(Shown, _reader(type(self))).to_representation(instance)
        return values


@cache
def _reader(shape: type[Shown]) -> Shown:
    return shape()


class Strict(Shown):
    """Refuses fields it does not know, so that a typo is not lost in silence."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the values to write.

        Raises:
            ValidationError: a field is unknown or wrong; names each.
        """
        if isinstance(data, Mapping) and (wrong := self.refused(data)):
            raise serializers.ValidationError(wrong)
        values: dict[str, Any] = super().to_internal_value(data)
        return values

    def refused(self, data: Mapping[str, Any]) -> dict[str, str]:
        """Return what is wrong with the presence of a field, by its name."""
        unknown = islice((name for name in data if name not in self.fields), MOST_NAMED)
        return {name: self._unknown(name) for name in unknown}

    def _unknown(self, name: str) -> str:
        near = get_close_matches(name, self.fields, n=1)
        return "There is no such field." + (f" Did you mean {near[0]}?" if near else "")


class StrictSerializer(Strict, serializers.ModelSerializer[Any]):
    """Refuses changes to what it only shows as well; a PUT resets what it leaves out.

    A body that was read may be sent back as it is: a field that is only shown passes when it is unchanged.

    Attributes:
        fresh: False when the deed behind a POST found that the object was there already.
        kept: fields that a PUT leaves as they are when it leaves them out.
    """

    fresh = True
    kept: ClassVar[frozenset[str]] = frozenset()

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the values to write; a PUT writes every field.

        Raises:
            ValidationError: a field is unknown, not to be written, or wrong; names each.
        """
        values = super().to_internal_value(data)
        if self.instance is not None and not self.partial:
            model: Any = self.Meta.model
            defaults = model()
            for name, field in self.fields.items():
                if not (field.read_only or field.required or name in self.kept):
                    values.setdefault(name, getattr(defaults, name))
        return values

    def refused(self, data: Mapping[str, Any]) -> dict[str, str]:
        """Refuse a field that is only shown, unless it says what is so."""
        shown = [name for name, field in self.fields.items() if field.read_only and name in data]
        present = self.to_representation(self.instance) if shown and self.instance is not None else {}
        wrong = [name for name in shown if data[name] not in (present.get(name), str(present.get(name)))]
        return super().refused(data) | dict.fromkeys(wrong, "This cannot be set.")


class Rows(serializers.Serializer[Any]):
    """One line of a list, straight from the database without a model in between: its fields are the columns."""

    @classmethod
    def shown(cls, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row as it is shown."""
        return row

    @classmethod
    def of(cls, queryset: QuerySet[Any]) -> QuerySet[Any, dict[str, Any]]:
        """Return the rows with just these columns."""
        plain, renamed = cls._columns()
        return queryset.values(*plain, **renamed)

    @classmethod
    @cache
    def _columns(cls) -> tuple[list[str], dict[str, F]]:
        """Return the fields that are called like their column, and the column of each other one."""
        sources = {name: (field.source or name).replace(".", "__") for name, field in cls._declared_fields.items()}
        plain = [name for name, source in sources.items() if name == source]
        return plain, {name: F(source) for name, source in sources.items() if name != source}


class ScopedViewSet(GenericViewSet[Any]):
    """A resource within the scope of the person who asks: what is outside it does not exist (404).

    A subclass names ``queryset``; ``serializer_class`` for one, ``new_class`` for a POST where that differs, and
    ``row_class`` for a line of each of its ``listings``; and in ``deeds`` what deletes and restores one, which takes
    it under its model's name. A standby may answer its lists where it ``lags``. An action may have filters ``fixed``
    by its address: see `narrowed`. Actions that may be ``conflicting`` with what is there, beside those that change a
    version, are described with a 409.
    """

    new_class: ClassVar[type[serializers.BaseSerializer[Any]] | None] = None
    row_class: ClassVar[type[Rows]]
    listings: ClassVar[frozenset[str]] = frozenset({"list", "search"})
    deeds: ClassVar[Mapping[str, Callable[..., object]]] = {}
    verbs: ClassVar[Mapping[str, str]] = {"restore": "restore"}
    lags: ClassVar[bool] = False
    fixed: ClassVar[frozenset[str]] = frozenset()
    conflicting: ClassVar[frozenset[str]] = frozenset()
    http_method_names = ["get", "post", "put", "patch", "delete", "head", "options"]

    def scope(self) -> QuerySet[Any]:
        """Return everything there is, deleted or not; a nested resource narrows this to its parent's."""
        return super().get_queryset()

    def get_queryset(self) -> QuerySet[Any]:
        """Return what the person may see."""
        return self.scope().visible_to(self.request.user)  # type: ignore[attr-defined, no-any-return]

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        """Return the shape of a body."""
        return (self.new_class if self.action == "create" else None) or super().get_serializer_class()

    def rows(self, queryset: QuerySet[Any]) -> Response:
        """Answer with a page of rows."""
        pages: Any = self.paginator
        page = pages.paginate_queryset(queryset, self.request, view=self, shape=self.row_class.of)
        return self.get_paginated_response([self.row_class.shown(row) for row in page])

    def answer(self, found: Model, status: int = 200) -> Response:
        """Answer with one object and its version."""
        return Response(self.get_serializer(found).data, status=status, headers={"ETag": etag(found)})

    def changeable(self) -> Any:
        """Return the object to change, provided that it is the version the client means.

        Raises:
            Stale: ``If-Match`` names another version.
        """
        found = self.get_object()
        meant = self.request.headers.get("If-Match", "*")
        versions = {tag.strip().removeprefix("W/").strip('"') for tag in meant.split(",")}
        if not versions & {"*", str(found.version)}:
            message = f"If-Match names version {meant}; the present one is {found.version}."
            raise Stale(message, present=self.get_serializer(found).data)
        return found

    def list(self, request: Request, **_: str) -> Response:
        """List what passes the filters."""
        if self.lags:
            may_lag(request)
        return self.rows(self.filter_queryset(self.get_queryset()))

    def retrieve(self, request: Request, **_: str) -> Response:
        """Show one."""
        return self.answer(self.get_object())

    def create(self, request: Request, **_: str) -> Response:
        """Make one."""
        serializer: Any = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        made = self.perform_save(serializer)
        response = self.answer(made, 201 if serializer.fresh else 200)
        response["Location"] = request.build_absolute_uri(f"{request.path.rstrip('/')}/{made.pk}")
        return response

    def update(self, request: Request, *, partial: bool = False, **_: str) -> Response:
        """Change one: what is left out goes back to its default."""
        serializer = self.get_serializer(self.changeable(), data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        return self.answer(self.perform_save(serializer))

    def partial_update(self, request: Request, **_: str) -> Response:
        """Change some fields of one."""
        return self.update(request, partial=True)

    def destroy(self, request: Request, **_: str) -> Response:
        """Delete one, so that it can be restored."""
        self.perform("delete", self.changeable())
        return Response(status=204)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, **_: str) -> Response:
        """Restore one that was deleted."""
        found = get_object_or_404(self.scope(), pk=self.kwargs["pk"])
        self.check_object_permissions(request, found)
        self.perform("restore", found)
        return self.answer(self.get_object())

    def perform(self, deed: str, found: Model) -> None:
        """Do a deed to one."""
        self.deeds[deed](**{type(found).__name__.lower(): found}, **self.by())

    def perform_save(self, serializer: serializers.BaseSerializer[Any]) -> Any:
        """Write what the body says, by the deed that the serializer calls."""
        return serializer.save(**self.by())

    def by(self) -> dict[str, Any]:
        """Return who does it and when, as every deed wants to know."""
        return {"actor": self.request.user, "now": timezone.now()}


def narrowed(name: str, *, pattern: str = "[^/]+") -> Any:
    """Return the action ``by_<name>``: the list, with one filter in the address (`source/git`), all others as ever."""

    def listed(self: ScopedViewSet, request: Request, **_: str) -> Response:
        return self.list(request)

    listed.__name__ = f"by_{name}"
    listed.__doc__ = f"List by {name}, which the address names.\n\nAll other filters apply, as in the list itself."
    return action(detail=False, url_path=f"{name}/(?P<{name}>{pattern})", fixed=frozenset({name}))(listed)


class Router(SimpleRouter):
    """Addresses with or without a slash at the end, alike."""

    def __init__(self) -> None:
        super().__init__()
        self.trailing_slash = "/?"


def asked(shape: type[Strict], request: Request) -> dict[str, Any]:
    """Return what the parameters of a request ask for, where they are no filters of a list.

    Raises:
        ValidationError: one is unknown, given twice where one is meant, or wrong; names it.
    """
    question, given = shape(data=request.query_params), request.query_params.copy()
    if "format" not in question.fields:
        given.pop("format", None)  # how to answer, not what: the framework's own
    for name, values in given.lists():
        many = isinstance(question.fields.get(name), serializers.MultipleChoiceField)
        if len(values) > 1 and not many:
            refuse(name, "Give this once.")
    question.initial_data = given
    question.is_valid(raise_exception=True)
    return dict(question.validated_data)


def etag(found: Any) -> str:
    """Return the version of an object as an entity tag."""
    return f'"{found.version}"'
