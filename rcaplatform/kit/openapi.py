"""What the OpenAPI document says of every operation alike: addresses, problems, versions, totals."""

import re
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "examples": ["about:blank"]},
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong and what to do about it."},
        "code": {"type": "string", "description": "What is wrong, for programs.", "examples": ["invalid"]},
        "errors": {
            "type": "object",
            "description": "Messages by field or parameter; `tags.0` is the first of the tags.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "request_id": {"type": "string", "description": "Quote this when you ask for help: the logs carry it."},
        "present": {"type": "object", "description": "With 412: what is there now.", "additionalProperties": {}},
    },
}
_WHY = {
    "400": "A field or parameter is wrong; `errors` names it.",
    "401": "No token, or one that is not good any more.",
    "403": "The role, or the scope of the API key, does not permit this.",
    "404": "There is no such thing, or it was deleted.",
    "409": "What is there does not permit this: somebody changed it first, the move is not one that may follow, or it "
    "was deleted.",
    "412": "If-Match names another version than the present one.",
    "413": "The body is too large: send less at a time.",
    "429": "Too much for now: send it again after as many seconds as `Retry-After` says.",
}
_TOTALS = {
    "Link": "The first, previous, next and last page (RFC 8288).",
    "X-Total-Count": "How many there are, at most 10,000; only with page.",
    "X-Total-Count-Capped": "`true` when there may be more than X-Total-Count says.",
    "X-Page": "Number of this page; only with page.",
    "X-Per-Page": "Rows a page.",
    "X-Sort": "The order of this page. A ranked search that matches over 1,000 comes newest first.",
}
_IF_MATCH = OpenApiParameter(
    "If-Match",
    location=OpenApiParameter.HEADER,
    description="The ETag of the version that is meant. Another one answers 412 and changes nothing.",
)
_VERSIONED = frozenset({"update", "partial_update", "destroy", "move", "close", "reopen", "replace", "add", "remove"})


class Schema(AutoSchema):
    """Describes an operation, with what its viewset says of rows and versions and the problems it can answer with."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Add to an operation what goes without saying."""
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is not None:
            self._without_fixed(operation)
            for status in self._problems(operation):
                operation["responses"].setdefault(status, _problem(status))
            if self._is_list_view():
                headers = {name: {"description": text, "schema": {"type": "string"}} for name, text in _TOTALS.items()}
                operation["responses"]["200"]["headers"] = headers
        return operation

    def get_operation_id(self) -> str:
        """Name what a POST does by its address alone: `investigations_close`."""
        name = str(super().get_operation_id())
        return name if self._action() == "create" else name.removesuffix("_create")

    def get_summary(self) -> str:
        """Return what it does in one line, where "one" says one what."""
        line = str(super().get_summary() or self.get_description()).partition("\n")[0].rstrip(".")
        model = getattr(getattr(self.view, "queryset", None), "model", None)
        return re.sub(r"\bone\b", f"one {model.__name__.lower()}", line, count=1) if model else line

    def get_override_parameters(self) -> list[Any]:
        """Offer If-Match where a version is changed."""
        return [_IF_MATCH] if self._action() in _VERSIONED else []

    def get_response_serializers(self) -> Any:
        """Answer a list with rows, and whatever makes or changes one with all of it."""
        view: Any = self.view
        if self._action() in getattr(view, "listings", ()):
            return view.row_class(many=True)
        if self.method == "POST" and hasattr(view, "row_class"):
            return {201 if self._action() == "create" else 200: view.serializer_class}
        return super().get_response_serializers()

    def _without_fixed(self, operation: dict[str, Any]) -> None:
        """Leave out the filters that the address fixes."""
        if fixed := getattr(self.view, "fixed", ()):
            shown = [one for one in operation["parameters"] if one["in"] == "path" or one["name"] not in fixed]
            operation["parameters"] = shown

    def _action(self) -> str:
        return str(getattr(self.view, "action", "") or self.method.lower())

    def _problems(self, operation: dict[str, Any]) -> list[str]:
        places = {parameter["in"] for parameter in operation.get("parameters", ())}
        secured = "jwtAuth" in str(operation.get("security"))
        possible = {
            "400": "requestBody" in operation or "query" in places,
            "401": secured or "/auth/" in self.path,
            "403": (secured and self.method != "GET") or getattr(self.view, "refusing", False),
            "404": "path" in places,
            "409": self._action() in _VERSIONED | getattr(self.view, "conflicting", frozenset()),
            "412": self._action() in _VERSIONED,
            "413": "requestBody" in operation,
            "429": secured or "/auth/" in self.path,
        }
        return [status for status, so in possible.items() if so]


def without_slash(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """Show each address once, without the slash that may follow it."""
    return [(path.rstrip("/"), regex, method, callback) for path, regex, method, callback in endpoints]


def with_problem(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the shape of problems to the components."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    return result


def any_value(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say of a field that holds any JSON at all just that: "anything or null" would have null match twice."""
    for shape in result["components"]["schemas"].values():
        for field in shape.get("properties", {}).values():
            if {} in field.get("oneOf", ()):
                del field["oneOf"]
    return result


def _problem(status: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": _WHY[status], "content": {"application/problem+json": {"schema": schema}}}
