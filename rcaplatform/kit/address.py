"""Decision: where a request comes from, behind our own proxies; and the one that is being answered now."""

from contextvars import ContextVar
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request

# Of the request that is being answered; "" outside of one. Not among the variables of the log: it is a person's.
current: ContextVar[str] = ContextVar("address", default="")


def address(request: HttpRequest | Request) -> str:
    """Return where a request comes from: what the outermost of our own proxies (``PROXIES``) saw."""
    seen = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    proxies = settings.REST_FRAMEWORK["NUM_PROXIES"] or 0
    direct = str(request.META.get("REMOTE_ADDR", ""))
    return seen[-min(proxies, len(seen))] if proxies and seen else direct


def plain(text: str) -> str | None:
    """Return an IP address as it is kept; None for anything else, such as a socket's empty one."""
    try:
        return str(ip_address(text))
    except ValueError:
        return None
