"""Door: sign in, sign out."""

from django.contrib.auth import views

from frontend.forms import SignInForm


class SignIn(views.LoginView):
    """Ask who is there. `next` leads back to a page of this site and to no other."""

    template_name = "session/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True


class SignOut(views.LogoutView):
    """End the session, on POST alone."""
