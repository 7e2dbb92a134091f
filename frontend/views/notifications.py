"""Doors: one's inbox, what one wants to be told of, and the link that stops messages without signing in."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.models import Notification
from accounts.notifications import delivery, services, wishes
from accounts.notifications.choices import Channel, Topic
from accounts.notifications.plan import CHOSEN
from accounts.sessions import unattended
from frontend.forms import NotificationForm
from frontend.templatetags import pages
from frontend.views.door import Request, door

SHOWN = 100


@door("GET")
def browse(request: Request) -> HttpResponse:
    """Show the newest of the inbox."""
    shown = Notification.objects.inbox(request.user).order_by("-id")[:SHOWN]
    return render(request, "notifications/inbox.html", {"notifications": shown, "most": SHOWN})


@unattended
@door("GET")
def unread(request: Request) -> HttpResponse:
    """Say how many were not read, as the bar says it."""
    return HttpResponse(pages.unread(request.user), content_type="text/plain; charset=utf-8")


@door("POST")
def read(request: Request) -> HttpResponse:
    """Mark all as read."""
    services.read(user=request.user, now=timezone.now())
    return redirect("notifications")


@door("GET", "POST")
def prefer(request: Request) -> HttpResponse:
    """Show what somebody wants to be told of, and keep what they change."""
    known = wishes.of(request.user)
    form = NotificationForm(request.POST or None, initial=known)
    if request.method == "POST" and form.is_valid():
        topics = {
            topic.value: {channel.value: f"{topic}.{channel}" in request.POST for channel in Channel}
            for topic in CHOSEN
        }
        services.prefer(user=request.user, topics=topics, own=form.own(), actor=request.user)
        messages.success(request, "Saved.")
        return redirect("notification-preferences")
    context = {
        "form": form,
        "channels": Channel,
        "reachable": known["channels"],
        "topics": [(topic, Topic(topic).label, known["topics"][topic].items()) for topic in CHOSEN],
    }
    return render(request, "notifications/preferences.html", context)


@door("POST")
def try_channel(request: Request) -> HttpResponse:
    """Send a test by one channel."""
    name = request.POST.get("channel", "")
    if name not in Channel.values or name == Channel.INBOX:
        raise Http404("There is no such channel.")
    services.try_channel(user=request.user, channel=Channel(name), now=timezone.now())
    messages.success(request, f"A test by {Channel(name).label} is on its way.")
    return redirect("notification-preferences")


@csrf_exempt  # mail programs post here by themselves (RFC 8058); the token in the address says who and what
@require_http_methods(["GET", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether to stop messages by one channel, and stop them; who has the message needs no session."""
    found = delivery.subscription(token)
    if found is None:
        raise Http404("This link is not ours.")
    user, channel = found
    if request.method == "POST":
        services.unsubscribe(user=user, channel=channel)
    context = {"channel": channel.label, "person": user, "done": request.method == "POST"}
    return render(request, "notifications/unsubscribe.html", context)
