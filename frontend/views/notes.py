"""Doors: the notes of an investigation."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from frontend import canvas
from frontend.forms import NoteForm
from frontend.markdown import render as render_markdown
from frontend.views import panes
from frontend.views.door import Request, back_to, door, require
from investigations import services
from investigations.models import Comment, Investigation, Note
from rcaplatform.kit.errors import Conflict, Invalid


@door("POST")
def write(request: Request, pk: UUID) -> HttpResponse:
    """Write a note, or show how it will look."""
    investigation = canvas.find(request.user, pk)
    require(request.user, "create", Note)
    form = NoteForm(request.POST, prefix="note")
    if not form.is_valid():
        return panes.answer(request, investigation, tab="notes", status=422, note_form=form)
    body = form.cleaned_data["body"]
    if "preview" in request.POST:
        form.stored("")
        return panes.answer(request, investigation, tab="notes", note_form=form, preview=render_markdown(body))
    try:
        _keep(request, investigation, form)
    except (Invalid, Conflict) as problem:
        form.blame(problem)
        return panes.answer(request, investigation, tab="notes", status=422, note_form=form)
    if request.htmx:
        return panes.answer(request, investigation, tab="notes")
    messages.success(request, "Note saved.", extra_tags="saved")
    return _back(request, investigation)


def _keep(request: Request, investigation: Investigation, form: NoteForm) -> None:
    """Write a note, over what its own page has saved of it by itself meanwhile."""
    given, now = form.cleaned_data, timezone.now()
    body, pk = given["body"], given["id"]
    note = services.write_note(investigation=investigation, body=body, actor=request.user, now=now, pk=pk)
    if note.body != services.plain_text(body):
        note.version = given["version"] or note.version
        services.edit_note(note=note, body=body, actor=request.user, now=now)


@door("POST")
def comment(request: Request, pk: UUID, note: UUID) -> HttpResponse:
    """Remark on a note."""
    found = _find(request, pk, note)
    require(request.user, "create", Comment)
    body, investigation = request.POST.get("body", ""), found.investigation
    try:
        services.comment(investigation=investigation, body=body, actor=request.user, now=timezone.now(), note=found)
    except Invalid as problem:
        wrong = {"note": found.pk, "body": body, "words": " ".join(problem.fields.values())}
        return panes.answer(request, investigation, tab="notes", status=422, wrong=wrong)
    if request.htmx:
        return panes.answer(request, investigation, tab="notes")
    return back_to(request, reverse("investigation", args=[pk]), f"#note-{note}")


@door("GET", "POST")
def edit(request: Request, pk: UUID, note: UUID) -> HttpResponse:
    """Show a note with its revisions, and write it anew."""
    found = _find(request, pk, note)
    form = NoteForm(request.POST or None, instance=found)
    status, preview = 200, None
    if request.method == "POST":
        require(request.user, "edit", found)
        if not form.is_valid():
            status = 422
        elif "preview" in request.POST:
            preview = render_markdown(form.cleaned_data["body"])
            form.stored(found.body)
        elif (status := _save(request, form, found)) == 200:
            messages.success(request, "Note saved.", extra_tags="saved")
            return _back(request, found.investigation)
    context = {
        "investigation": found.investigation,
        "note": found,
        "form": form,
        "preview": preview,
        "revisions": found.revisions.select_related("author").order_by("-number"),
    }
    return render(request, "canvas/note.html", context, status=status)


def _save(request: Request, form: NoteForm, note: Note) -> int:
    """Write over the version the form was filled from; return the status that says how it went."""
    now_stored = note.body
    note.version = form.cleaned_data["version"] or 0
    try:
        services.edit_note(note=note, body=form.cleaned_data["body"], actor=request.user, now=timezone.now())
    except Invalid as problem:
        form.blame(problem)
        return 422
    except Conflict as problem:
        note.refresh_from_db(fields=["version"])
        note.body = now_stored
        form.compare(note)
        form.add_error(None, f"{problem.message} Nothing of yours is lost: compare, then save again.")
        return 409
    return 200


@door("POST")
def delete(request: Request, pk: UUID, note: UUID) -> HttpResponse:
    """Delete a note, with an offer to take that back."""
    found = _find(request, pk, note)
    require(request.user, "delete", found)
    services.delete_note(note=found, actor=request.user, now=timezone.now())
    messages.success(request, "The note is deleted.", extra_tags=reverse("note-restore", args=[pk, note]))
    return (
        panes.answer(request, found.investigation, tab="notes") if request.htmx else _back(request, found.investigation)
    )


@door("POST")
def restore(request: Request, pk: UUID, note: UUID) -> HttpResponse:
    """Take the deletion of a note back."""
    investigation = canvas.find(request.user, pk)
    found = investigation.notes.deleted().filter(pk=note).first()
    if found is not None:
        require(request.user, "restore", found)
        services.restore_note(note=found, actor=request.user, now=timezone.now())
    return panes.answer(request, investigation, tab="notes") if request.htmx else _back(request, investigation)


def _find(request: Request, pk: UUID, note: UUID) -> Note:
    investigation = canvas.find(request.user, pk)
    found: Note | None = investigation.notes.alive().select_related("author").filter(pk=note).first()
    if found is None:
        raise Http404("There is no such note, or it was deleted.")
    found.investigation = investigation
    return found


def _back(request: Request, investigation: Investigation) -> HttpResponse:
    return back_to(request, reverse("investigation", args=[investigation.pk]), "#notes")
