"""Door: sign in, sign out."""

from typing import Any

from django.contrib.auth import views
from django.http import HttpResponse

from accounts.switches import RETRY_AFTER
from frontend.forms import SignInForm


class SignIn(views.LoginView):
    """Ask who is there. `next` leads back to a page of this site and to no other."""

    template_name = "session/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_invalid(self, form: Any) -> HttpResponse:
        """Ask again; after too many attempts say when (429), and so while passwords are switched off (503)."""
        response: HttpResponse = super().form_invalid(form)
        if form.closed:
            response.status_code, response["Retry-After"] = 503, str(RETRY_AFTER)
        elif form.wait:
            response.status_code, response["Retry-After"] = 429, str(form.wait)
        return response


class SignOut(views.LogoutView):
    """End the session, on POST alone."""
