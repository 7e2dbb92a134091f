"""Door: whose a session is. It is nobody's while its person owes a second factor.

So neither pages nor admin, API or streams have to ask: to all of them such a person is not signed in.
"""

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts import factors
from accounts.models import User

PROOF = "proof"  # where a session keeps by what it was opened


class Sessions(AuthenticationMiddleware):
    """Says who asks when something wants to know."""

    def process_request(self, request: HttpRequest) -> None:
        """Make ready to say it."""
        request.user = SimpleLazyObject(lambda: _present(request))  # type: ignore[assignment]
        request.auser = sync_to_async(lambda: _present(request))


def note_proof(session: SessionBase, by: str) -> None:
    """Note what somebody opened a session by just now."""
    session[PROOF] = by


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
    found = get_user(request)
    return found if isinstance(found, User) else None
