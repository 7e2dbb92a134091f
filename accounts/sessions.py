"""Door: whose a session is. It is nobody's once it lay idle, and while its person owes a second factor.

So neither pages nor admin, API or streams have to ask: to all of them such a person is not signed in.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from accounts import factors
from accounts.models import User

PROOF, USED = "proof", "used_at"  # where a session keeps by what it was opened, and when it was used last
OFTEN = timedelta(minutes=1)  # at most is written that it was used; more often only where the limit is short
View = TypeVar("View", bound=Callable[..., Any])


def unattended(view: View) -> View:
    """Mark a view that open pages ask by themselves: that is no use of a session."""
    view.unattended = True  # type: ignore[attr-defined]
    return view


class Sessions(AuthenticationMiddleware):
    """Says who asks when something wants to know, and keeps a session alive that is used."""

    def process_request(self, request: HttpRequest) -> None:
        """Make ready to say it."""
        request.user = SimpleLazyObject(lambda: _present(request))  # type: ignore[assignment]
        request.auser = sync_to_async(lambda: _present(request))

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_: Any) -> None:
        """Note that the session is used, unless a page asks by itself."""
        if settings.SESSION_IDLE and request.session.session_key and not hasattr(view, "unattended"):
            now, quiet = _quiet(request.session)
            if min(OFTEN, settings.SESSION_IDLE / 10) <= quiet <= settings.SESSION_IDLE:
                request.session[USED] = now


def note_proof(session: SessionBase, by: str) -> None:
    """Note what somebody opened a session by just now."""
    session[PROOF], session[USED] = by, timezone.now().timestamp()


def owing(request: HttpRequest) -> User | None:
    """Return whose session it will be once they have the second factor that their role needs."""
    found = _whose(request)
    return found if found is not None and _owes(request, found) else None


def _present(request: HttpRequest) -> User | AnonymousUser:
    found = _whose(request)
    return AnonymousUser() if found is None or _owes(request, found) else found


def _owes(request: HttpRequest, person: User) -> bool:
    return factors.is_owed(person, request.session.get(PROOF, ""))


def _whose(request: HttpRequest) -> User | None:
    if settings.SESSION_IDLE and SESSION_KEY in request.session and _quiet(request.session)[1] > settings.SESSION_IDLE:
        request.session.flush()
    found = get_user(request)
    return found if isinstance(found, User) else None


def _quiet(session: SessionBase) -> tuple[float, timedelta]:
    """Return the time now, and for how long a session was not used; one that does not say was never."""
    now = timezone.now().timestamp()
    return now, timedelta(seconds=now - session.get(USED, 0))
