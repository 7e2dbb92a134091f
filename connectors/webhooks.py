"""Door for deliveries: verify, keep, answer; thinking comes later."""

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from connectors import services
from connectors.models import Connector
from rcaplatform.kit.errors import DomainError, TooLarge


@csrf_exempt
@require_POST
def hook(request: HttpRequest, name: str) -> JsonResponse:
    """Take one delivery: 202 when it is new, 200 when it was taken before, 401 when it is forged."""
    connector = Connector.objects.filter(name=name).first()
    if connector is None:
        return _answer(404, detail=f"There is no connector called {name}.")
    if not connector.enabled:
        return _answer(503, detail=f"{name} is switched off.", retry_after=300)
    try:
        headers = {key.lower(): value for key, value in request.headers.items()}
        delivery, new = services.receive(connector=connector, headers=headers, body=_body(request), now=timezone.now())
    except DomainError as problem:
        return _answer(problem.status, detail=problem.message)
    return _answer(202 if new else 200, delivery=str(delivery.pk))


def _body(request: HttpRequest) -> bytes:
    """Read the raw body up to the limit, whatever length the sender announced."""
    limit = settings.WEBHOOK_MAX_BYTES
    body = request.read(limit + 1)
    if len(body) > limit:
        raise TooLarge(f"A delivery may have {limit} bytes.")
    return body


def _answer(status: int, *, retry_after: int | None = None, **content: str) -> JsonResponse:
    response = JsonResponse(content, status=status)
    if retry_after:
        response["Retry-After"] = str(retry_after)
    return response
