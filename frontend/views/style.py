"""Door: the design system, as the pages use it. It shows nothing that is kept, so whoever is signed in may see it."""

from django.http import HttpResponse
from django.shortcuts import render

from frontend import style
from frontend.views.door import Request, door


@door("GET")
def show(request: Request) -> HttpResponse:
    """Show tokens, components and states."""
    return render(request, "style/page.html", style.page(request.GET.get("event", "")))
