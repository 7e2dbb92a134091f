"""Decision: how often somebody may knock who is not known yet. Who is known is counted with their credential."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from rcaplatform.kit.address import address
from rcaplatform.kit.ratelimit import QUOTA, Quota, take


class TooMany(Throttled):
    """Too many attempts to sign in with one name, or with many, from one address."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds, "Too many attempts to sign in.")
        self.seconds = seconds


class AddressThrottle(BaseThrottle):
    """Counts requests without a credential by the address they come from; a session of the pages is not counted."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Return whether this one may pass."""
        self.quota: Quota | None = None
        if not request.user.is_authenticated:
            self.quota = take(f"address:{address(request)}", settings.RATE_LIMITS["anonymous"])
        if self.quota is None:
            return True
        request.META[QUOTA] = self.quota
        return self.quota.granted

    def wait(self) -> float | None:
        """Return the seconds after which another one passes."""
        return self.quota.wait if self.quota else None


def sign_in(request: HttpRequest | Request, username: str) -> None:
    """Count one attempt to sign in with a password: each costs a hash, and one password may be tried on many names.

    Raises:
        TooMany: there were too many for this name from this address, or from this address.
    """
    where = address(request)
    _count(f"sign-in:{where}:{username[:150].casefold()}", "sign_in")
    _count(f"sign-in:{where}", "anonymous")


def single_sign_on(request: HttpRequest) -> None:
    """Count one way to the identity provider and back: each costs requests to it, and a row of a session.

    Raises:
        TooMany: there were too many from this address.
    """
    _count(f"single-sign-on:{address(request)}", "anonymous")


def _count(caller: str, limit: str) -> None:
    quota = take(caller, settings.RATE_LIMITS[limit])
    if quota is not None and not quota.granted:
        raise TooMany(quota.wait)
