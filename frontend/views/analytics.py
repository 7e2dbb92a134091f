"""Doors: what happened, counted and timed, over the days that the address names."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from frontend import analytics
from frontend.days import PRESETS, USUAL, Days
from frontend.forms import DaysForm
from frontend.views.door import Request, door
from rcaplatform.kit.replica import may_lag


@door("GET")
def show(request: Request) -> HttpResponse:
    """Show how many investigations there were, where, why, and how long they took."""
    may_lag(request)
    today = timezone.now().date()
    form = DaysForm(request.GET)
    days = form.asked(today) if form.is_valid() else Days.until(today, USUAL)
    ranges = [(count, days == Days.until(today, count)) for count in PRESETS]
    context = {"form": form, "days": days, "ranges": ranges, **analytics.overview(request.user, days)}
    return render(request, "analytics/page.html", context, status=422 if form.errors else 200)
