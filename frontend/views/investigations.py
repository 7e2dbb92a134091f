"""Doors: the list of investigations; open, edit, move, delete, restore and relate one."""

from copy import copy
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from accounts.permissions import may
from frontend import canvas
from frontend.filters import InvestigationFilter
from frontend.forms import FindingsForm, InvestigationEditForm, InvestigationForm
from frontend.paging import numbered
from frontend.views import panes
from frontend.views.door import Request, answer_part, back_to, door, require
from investigations import services
from investigations.listquery import normalised
from investigations.models import Investigation, Link, SavedView
from rcaplatform.kit.errors import Conflict, Invalid
from rcaplatform.kit.replica import may_lag

PER_PAGE = 50
SUGGESTED = 20
MOST_VIEWS = 200  # a person has fewer, so that only what others share can be left out
UNREAD = ("description", "keywords", "search", "metadata", "root_cause", "remediation", "lessons_learned")
CHANGED_MEANWHILE = "changed this while you were writing. Nothing of yours is lost: compare, then save again."


@door("GET")
def browse(request: Request) -> HttpResponse:
    """List investigations."""
    may_lag(request)
    visible = Investigation.objects.visible_to(request.user).select_related("assigned_to").defer(*UNREAD)
    filters = InvestigationFilter(request.GET, visible)
    page = numbered(filters.qs, number=request.GET.get("page", ""), size=PER_PAGE)
    counts = Link.objects.count_by_investigation([row.pk for row in page.items])
    views = SavedView.objects.visible_to(request.user).select_related("owner")
    context = {
        "filters": filters,
        "page": page,
        "rows": [(row, counts.get(row.pk, 0)) for row in page.items],
        "may_create": may(request.user, "create", Investigation),
        "query": _query(request),
        "views": views.own_first(request.user)[:MOST_VIEWS],
    }
    return answer_part(request, "investigations/list.html", {"results": "investigations/results.html"}, context)


def _query(request: Request) -> str:
    """Return what the list is asked, as a view would keep it; empty when there is nothing to keep."""
    try:
        return normalised(request.GET.urlencode())
    except Invalid:
        return ""


def address_of(view: SavedView) -> str:
    """Return where the list shows a view."""
    return f"{reverse('investigations')}?{view.query}"


@door("GET", "POST")
def new(request: Request) -> HttpResponse:
    """Open an investigation."""
    require(request.user, "create", Investigation)
    form = InvestigationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = {name: value for name, value in form.changes.items() if value is not None}
        try:
            made = services.create(values=values, actor=request.user, now=timezone.now())
        except Invalid as problem:
            form.blame(problem)
        else:
            messages.success(request, "Opened. Events that belong are being looked for.", extra_tags="saved")
            return redirect("investigation", made.pk)
    return render(request, "investigations/new.html", {"form": form}, status=422 if form.errors else 200)


@door("GET", "POST")
def edit(request: Request, pk: UUID) -> HttpResponse:
    """Change the facts of an investigation."""
    investigation = canvas.find(request.user, pk)
    require(request.user, "edit", investigation)
    form = InvestigationEditForm(request.POST or None, instance=investigation)
    status = 200
    if request.method == "POST" and (status := _save(request, form, investigation)) == 200:
        messages.success(request, "Saved.", extra_tags="saved")
        return redirect("investigation", pk)
    return render(request, "investigations/edit.html", {"form": form, "investigation": investigation}, status=status)


@door("POST")
def findings(request: Request, pk: UUID) -> HttpResponse:
    """Write down root cause, remediation and lessons learned."""
    investigation = canvas.find(request.user, pk)
    require(request.user, "edit", investigation)
    form = FindingsForm(request.POST, instance=investigation, prefix="findings")
    if (status := _save(request, form, investigation)) == 200:
        messages.success(request, "Findings saved.", extra_tags="saved")
        if request.htmx:
            return panes.answer(request, canvas.find(request.user, pk), tab="findings")
        return redirect(f"{reverse('investigation', args=[pk])}?pane=findings#notes")
    return panes.answer(request, investigation, tab="findings", status=status, findings_form=form)


def _save(request: Request, form: InvestigationEditForm | FindingsForm, investigation: Investigation) -> int:
    """Write a form's changes over the version it was filled from; return the status that says how it went."""
    if not form.is_valid():
        return 422
    read = copy(investigation)
    read.version = form.cleaned_data["version"] or 0
    try:
        services.edit(investigation=read, changes=form.changes, actor=request.user, now=timezone.now())
    except Invalid as problem:
        form.blame(problem)
        return 422
    except Conflict:
        form.compare(investigation)
        form.add_error(None, f"{investigation.updated_by or 'Somebody'} {CHANGED_MEANWHILE}")
        return 409
    return 200


@door("POST")
def move(request: Request, pk: UUID) -> HttpResponse:
    """Move an investigation along its life."""
    investigation = canvas.find(request.user, pk)
    require(request.user, "edit", investigation)
    services.move(investigation=investigation, to=request.POST.get("to", ""), actor=request.user, now=timezone.now())
    return back_to(request, reverse("investigation", args=[pk]))


@door("POST")
def delete(request: Request, pk: UUID) -> HttpResponse:
    """Delete an investigation, with an offer to take that back."""
    investigation = canvas.find(request.user, pk)
    require(request.user, "delete", investigation)
    services.delete(investigation=investigation, actor=request.user, now=timezone.now())
    undo = reverse("investigation-restore", args=[pk])
    messages.success(request, f"“{investigation.title}” is deleted.", extra_tags=undo)
    return redirect("investigations")


@door("POST")
def restore(request: Request, pk: UUID) -> HttpResponse:
    """Take a deletion back."""
    investigation = Investigation.objects.deleted().filter(pk=pk).first()
    if investigation is not None:
        require(request.user, "restore", investigation)
        services.restore(investigation=investigation, actor=request.user, now=timezone.now())
    return redirect("investigation", pk)


@door("GET", "POST")
def relate(request: Request, pk: UUID) -> HttpResponse:
    """Find another investigation and say that the two have to do with one another, or take that back."""
    investigation = canvas.find(request.user, pk)
    if request.method == "POST":
        require(request.user, "edit", investigation)
        other = canvas.find(request.user, request.POST.get("other", ""))
        deed = services.unrelate if request.POST.get("take") == "back" else services.relate
        deed(investigation=investigation, other=other, actor=request.user, now=timezone.now())
        return back_to(request, reverse("investigation", args=[pk]))
    visible = Investigation.objects.visible_to(request.user).exclude(pk=pk).exclude(related=pk)
    filters = InvestigationFilter(request.GET, visible)
    context = {"investigation": investigation, "filters": filters, "found": filters.qs[:SUGGESTED]}
    return render(request, "investigations/relate.html", context)
