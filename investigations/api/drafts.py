"""Doors: drafts of the assistant over the API: have one written, see how far it is, take it as a note, discard it."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from investigations.api.serializers import NoteSerializer
from investigations.api.views import PartViewSet, given
from investigations.assistant import drafting
from investigations.choices import CitedKind, DraftKind, DraftSection, DraftState
from investigations.filters import DraftFilters
from investigations.models import Draft
from rcaplatform.kit.views import Rows, Strict

_ASK_AGAIN = "3"  # seconds


class NewDraft(Strict):
    """What to write."""

    kind = serializers.ChoiceField(DraftKind.choices, help_text="What to write.")


class CiteSerializer(serializers.Serializer[Any]):
    """What a sentence rests on."""

    kind = serializers.ChoiceField(CitedKind.choices)
    id = serializers.UUIDField(help_text="Of the event or note.")
    at = serializers.DateTimeField(help_text="When it happened, or was written.")


class SentenceSerializer(serializers.Serializer[Any]):
    """One sentence that passed the checks."""

    section = serializers.ChoiceField(DraftSection.choices)
    text = serializers.CharField()
    cites = CiteSerializer(many=True)


class DraftSerializer(serializers.ModelSerializer[Draft]):
    """What a language model wrote: sentences that cite what they rest on. Whether they are right is not checked."""

    investigation = serializers.UUIDField(source="investigation_id", read_only=True)
    sentences = SentenceSerializer(many=True, read_only=True)
    dropped = serializers.DictField(
        child=serializers.IntegerField(), read_only=True, help_text="How many sentences were not kept, by the reason."
    )
    note = serializers.UUIDField(source="note_id", read_only=True, help_text="The note it became.")
    created_by = serializers.UUIDField(source="created_by_id", read_only=True)
    created_by_name = serializers.CharField(source="created_by.username", read_only=True)

    class Meta:
        model = Draft
        fields = [
            *("id", "investigation", "kind", "state", "model", "sentences", "dropped", "given", "left_out"),
            *("error", "note", "created_by", "created_by_name", "created_at", "finished_at"),
        ]
        read_only_fields = fields


class DraftRow(Rows):
    """One draft in a list, without its words."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(DraftKind.choices)
    state = serializers.ChoiceField(DraftState.choices)
    model = serializers.CharField()
    error = serializers.CharField()
    note = serializers.UUIDField(allow_null=True)
    created_by = serializers.UUIDField()
    created_by_name = serializers.CharField(source="created_by.username")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class DraftViewSet(PartViewSet):
    """Texts that the assistant drafts from evidence, newest first. None is a note before somebody takes it."""

    queryset = Draft.objects.select_related("investigation", "created_by").order_by("-id")
    serializer_class, row_class, filterset_class = DraftSerializer, DraftRow, DraftFilters
    deeds = {"delete": drafting.discard}
    restore = None  # type: ignore[assignment]
    verbs: ClassVar[dict[str, str]] = {"take": "create"}
    conflicting = frozenset({"create", "take"})
    http_method_names = ["get", "post", "delete", "head", "options"]

    def scope(self) -> QuerySet[Any]:
        return super().scope().filter(investigation=self.parent)

    @extend_schema(request=NewDraft, responses={202: DraftSerializer})
    def create(self, request: Request, **_: str) -> Response:
        """Have one written in the background: `Location` says where to ask how far it is.

        409 with the code `assistant_off` while no language model is configured. While one of this kind is under way,
        asking again answers with that one.
        """
        kind = given(NewDraft, request, "kind")
        made = drafting.ask(investigation=self.investigation, kind=kind, **self.by())
        where = request.build_absolute_uri(f"{request.path.rstrip('/')}/{made.pk}")
        return Response(DraftSerializer(made).data, status=202, headers={"Location": where, "Retry-After": _ASK_AGAIN})

    @extend_schema(responses=DraftSerializer)
    def retrieve(self, request: Request, **_: str) -> Response:
        """Show one, with its sentences and what each cites."""
        draft = self.get_object()
        return Response(DraftSerializer(draft).data, headers={} if draft.ended else {"Retry-After": _ASK_AGAIN})

    @extend_schema(request=None, responses={201: NoteSerializer})
    @action(detail=True, methods=["post"])
    def take(self, request: Request, **_: str) -> Response:
        """Make a note of one, in your name and marked as drafted by a model; 409 `not_ready` before it is ready."""
        note = drafting.take(draft=self.get_object(), **self.by())
        shown = NoteSerializer(note, context=self.get_serializer_context()).data
        return Response(shown, status=201, headers={"ETag": f'"{note.version}"'})
