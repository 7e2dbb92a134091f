"""Decision: an OpenAPI document as a collection of requests (Postman 2.1, which Bruno and Insomnia import as well)."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

FORMAT = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
SIGN_IN = "auth_token"
# Keeps the tokens of the request that signs in, so that every other one is sent with them.
_REMEMBER = [
    "const pair = pm.response.json();",
    'pm.collectionVariables.set("access", pair.access);',
    'pm.collectionVariables.set("refresh", pair.refresh);',
]
_DEEPEST = 4  # shapes within shapes that an example shows
_BY_TYPE: dict[str, Any] = {"string": "…", "integer": 1, "number": 0.5, "boolean": True, "object": {}, "array": []}
_BY_FORMAT = {
    "date-time": "2026-03-01T09:14:00Z",
    "date": "2026-03-01",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "email": "engineer@example.org",
    "uri": "https://example.org/",
}


def collection(document: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Return one request for each operation of ``document``, in a folder for each of its tags.

    Args:
        document: OpenAPI 3.1, as drf-spectacular makes it.
        origin: scheme and host of this installation; kept in the variable ``origin``.
    """
    folders: dict[str, list[dict[str, Any]]] = {}
    for path, method, operation in _operations(document):
        tag = (operation.get("tags") or ["other"])[0]
        folders.setdefault(tag, []).append(_item(document, path, method, operation))
    variables = {"origin": origin, "username": "engineer", "password": "", "access": "", "refresh": ""}
    return {
        "info": {
            "name": document["info"]["title"],
            "description": "Set `password`, send `auth_token` first: it keeps the tokens that every request uses.",
            "version": document["info"]["version"],
            "schema": FORMAT,
        },
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{access}}", "type": "string"}]},
        "variable": [{"key": name, "value": value} for name, value in variables.items()],
        "item": [{"name": tag, "item": items} for tag, items in sorted(folders.items())],
    }


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, operations in sorted(document["paths"].items()):
        for method, operation in operations.items():
            yield path, method, operation


def _item(document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {
        "method": method.upper(),
        "url": _url(path, operation),
        "description": operation.get("description", ""),
        "header": [],
    }
    if not operation.get("security"):
        request["auth"] = {"type": "noauth"}
    if content := operation.get("requestBody", {}).get("content"):
        media, told = next(iter(content.items()))
        request["header"].append({"key": "Content-Type", "value": media})
        body = _body(document, operation, told)
        request["body"] = {"mode": "raw", "raw": body if isinstance(body, str) else json.dumps(body, indent=2)}
    item: dict[str, Any] = {"name": operation.get("summary") or operation["operationId"], "request": request}
    if operation["operationId"] == SIGN_IN:
        item["name"] = SIGN_IN
        item["event"] = [{"listen": "test", "script": {"type": "text/javascript", "exec": _REMEMBER}}]
    return item


def _url(path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    """Return an address: what the path needs as variables to fill in, every other parameter there but switched off."""
    parts = [f":{part[1:-1]}" if part.startswith("{") else part for part in path.strip("/").split("/")]
    parameters = operation.get("parameters", ())
    query = [
        {
            "key": one["name"],
            "value": "",
            "description": one.get("description", ""),
            "disabled": not one.get("required"),
        }
        for one in parameters
        if one["in"] == "query"
    ]
    variables = [{"key": part[1:], "value": ""} for part in parts if part.startswith(":")]
    raw = "/".join(["{{origin}}", *parts])
    return {"raw": raw, "host": ["{{origin}}"], "path": parts, "query": query, "variable": variables}


def _body(document: Mapping[str, Any], operation: Mapping[str, Any], told: Mapping[str, Any]) -> Any:
    if operation["operationId"] == SIGN_IN:
        return {"username": "{{username}}", "password": "{{password}}"}
    for example in told.get("examples", {}).values():
        return example["value"]
    return _example(document, told.get("schema", {}))


def _example(document: Mapping[str, Any], schema: Mapping[str, Any], level: int = 0) -> Any:
    """Return a value that looks like ``schema``: what must be given, or all there is where nothing must."""
    schema = _resolved(document, schema)
    known = [schema[name] for name in ("default", "const") if name in schema]
    known += [value for name in ("examples", "enum") for value in schema.get(name, ())]
    if known:
        return known[0]
    kinds = schema.get("type", "object")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if level < _DEEPEST and (fields := schema.get("properties")):
        wanted = schema.get("required") or fields
        return {name: _example(document, fields[name], level + 1) for name in wanted if name in fields}
    if level < _DEEPEST and kind == "array":
        return [_example(document, schema.get("items", {}), level + 1)]
    return _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE.get(kind))


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references, and of several shapes that are possible take the first."""
    for _ in range(_DEEPEST):
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        several = schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf")
        if not several:
            break
        schema = several[0]
    return schema
