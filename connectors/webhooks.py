"""Door for deliveries: verify, keep, answer; thinking comes later."""

from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db.models import Exists
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from accounts.models import Feature, Switch
from connectors import reception
from connectors.errors import Misconfigured
from connectors.models import Connector
from connectors.registry import handshakes, is_pushed
from rcaplatform.kit.errors import DomainError, Invalid, TooLarge, Unavailable
from rcaplatform.kit.problems import problem_response

log = structlog.get_logger(__name__)
RETRY_AFTER = 300


@csrf_exempt
def hook(request: HttpRequest, name: str, path: str | None = None) -> HttpResponse:
    """Take one delivery: 202 when it is new, 200 when it was taken before, 401 when it is forged.

    Senders that speak to one product alone append its ``path`` to the address they are given: the connector's kind says
    which, and any other is 404.

    What is wrong on this side (switched off, cannot be opened, a database that does not answer) is 503 with
    ``Retry-After``, never the sender's fault.
    """
    origin = request.headers.get("WebHook-Request-Origin", "")
    if request.method != "POST" and not (request.method == "OPTIONS" and origin):
        answer: HttpResponse = problem_response(405, "A webhook takes POST.")
        answer["Allow"] = "POST"
        return answer
    try:
        end = (path or "").strip("/")
        return _take(request, name, end) if request.method == "POST" else _agree(name, end, origin)
    except (Misconfigured, Unavailable, DatabaseTrouble) as problem:
        log.exception("delivery.refused", connector=name, error=type(problem).__name__)
        return _later(f"{name} cannot take deliveries now.")
    except DomainError as problem:
        log.warning("delivery.refused", connector=name, error=type(problem).__name__)
        return problem_response(problem.status, problem.message)


def _agree(name: str, path: str, origin: str) -> HttpResponse:
    """Tell a sender that asks first that it may call as often as it likes; what it sends must prove itself."""
    connector = Connector.objects.filter(name=name).first()
    if connector is None or not handshakes(connector.kind, path):
        return problem_response(404, f"There is no webhook called {_shown(name, path)} that answers this.")
    headers = {"Allow": "POST", "WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"}
    return HttpResponse(status=200, headers=headers)


def _shown(name: str, path: str) -> str:
    return f"{name}/{path}"[:200] if path else name


def _take(request: HttpRequest, name: str, path: str) -> HttpResponse:
    headers = {key.lower(): value for key, value in request.headers.items()}
    body, now = _body(request), timezone.now()
    if taken := reception.receive_again(name=name, path=path, headers=headers, body=body, now=now):
        return _taken(*taken)
    off = Exists(Switch.objects.filter(feature__in=[Feature.CONNECTORS, Feature.WEBHOOKS]))
    connector = Connector.objects.filter(name=name).annotate(off=off).first()
    if connector is None or not is_pushed(connector.kind, path):
        return problem_response(404, f"There is no webhook called {_shown(name, path)}.")
    if not connector.enabled or connector.off:
        return _later(f"{name} is switched off.", code="switched_off")
    return _taken(*reception.receive(connector=connector, headers=headers, body=body, now=now))


def _taken(delivery: UUID, new: bool) -> HttpResponse:
    return JsonResponse({"delivery": str(delivery)}, status=202 if new else 200)


def _body(request: HttpRequest) -> bytes:
    """Read the raw body up to the limit, whatever length the sender announced."""
    limit = settings.WEBHOOK_MAX_BYTES
    try:
        body = request.read(limit + 1)
    except UnreadablePostError as problem:
        raise Invalid("The body ended before it was whole.") from problem
    if len(body) > limit:
        raise TooLarge(f"A delivery may have {limit} bytes.")
    return body


def _later(detail: str, **extra: str) -> HttpResponse:
    answer = problem_response(503, detail, **extra)
    answer["Retry-After"] = str(RETRY_AFTER)
    return answer
