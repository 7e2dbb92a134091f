"""Problem details (RFC 9457): the one shape in which every HTTP door says what is wrong."""

from http import HTTPStatus
from typing import Any

from django.http import JsonResponse

CONTENT_TYPE = "application/problem+json"


def problem_details(status: int, detail: str, **extra: Any) -> dict[str, Any]:
    """Return the body of a problem: ``type``, ``title``, ``status``, ``detail``, and whatever else helps a program."""
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **extra}


def problem_response(status: int, detail: str, **extra: Any) -> JsonResponse:
    """Return a problem as an answer of a plain Django view."""
    return JsonResponse(problem_details(status, detail, **extra), status=status, content_type=CONTENT_TYPE)
