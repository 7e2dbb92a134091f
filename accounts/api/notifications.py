"""Doors: what one was told, and what one wants to be told of. Everybody has their own and sees no other's."""

from typing import Any, cast

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.filters import NotificationFilters
from accounts.models import Notification, User
from accounts.notifications import services, wishes
from accounts.notifications.choices import Channel, Digest
from rcaplatform.kit.views import Strict

MOST_READ = 500


class NotificationSerializer(serializers.ModelSerializer[Notification]):
    """One notification."""

    class Meta:
        model = Notification
        fields = ("id", "topic", "title", "body", "path", "created_at", "read_at")


class PreferencesSerializer(Strict):
    """What somebody wants to be told of, where and when. What a request leaves out stays as it is."""

    topics = serializers.DictField(
        child=serializers.DictField(child=serializers.BooleanField()),
        required=False,
        help_text="Topic to channel to whether it is wanted: {'assigned': {'inbox': true, 'email': false}}.",
    )
    webhook_url = serializers.URLField(required=False, allow_blank=True, max_length=500)
    webhook_secret = serializers.CharField(
        required=False, allow_blank=True, max_length=200, write_only=True, help_text="Signs as Standard Webhooks says."
    )
    slack_url = serializers.URLField(
        required=False, allow_blank=True, max_length=500, write_only=True, help_text="Of an incoming webhook."
    )
    kept = serializers.ListField(
        child=serializers.ChoiceField(choices=services.SECRETS),
        read_only=True,
        help_text="Which secrets are kept. One that is sent empty is forgotten.",
    )
    digest = serializers.ChoiceField(choices=Digest.choices, required=False)
    quiet_from = serializers.TimeField(required=False, allow_null=True)
    quiet_until = serializers.TimeField(required=False, allow_null=True)
    time_zone = serializers.CharField(required=False, max_length=64, help_text="Such as Europe/Berlin.")
    channels = serializers.ListField(
        child=serializers.ChoiceField(choices=Channel.choices),
        read_only=True,
        help_text="By which you can be reached now.",
    )


class TestOf(Strict):
    """Which channel to try."""

    channel = serializers.ChoiceField(choices=[one for one in Channel.choices if one[0] != Channel.INBOX])


class Read(Strict):
    """Which notifications were read; all, if none is named."""

    ids = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=MOST_READ)


class Count(serializers.Serializer[Any]):
    """How many."""

    count = serializers.IntegerField()


class NotificationViewSet(mixins.ListModelMixin, GenericViewSet[Notification]):
    """One's own notifications, newest first."""

    queryset = Notification.objects.order_by("-id")
    serializer_class = NotificationSerializer
    filterset_class = NotificationFilters
    verbs = {"read": "edit", "try_channel": "edit", "preferences": "edit"}

    def get_queryset(self) -> Any:
        """Return what is in the inbox of who asks."""
        return Notification.objects.inbox(self.request.user).order_by("-id")

    @extend_schema(request=Read, responses=Count)
    @action(detail=False, methods=["post"], serializer_class=Read)
    def read(self, request: Request) -> Response:
        """Mark notifications as read; those of others, and those read before, are not counted."""
        said = Read(data=request.data)
        said.is_valid(raise_exception=True)
        person = cast("User", request.user)
        count = services.read(user=person, now=timezone.now(), notifications=said.validated_data.get("ids"))
        return Response({"count": count})

    @extend_schema(methods=["get"], responses=PreferencesSerializer)
    @extend_schema(methods=["patch"], request=PreferencesSerializer, responses=PreferencesSerializer)
    @action(detail=False, methods=["get", "patch"], serializer_class=PreferencesSerializer)
    def preferences(self, request: Request) -> Response:
        """Show, or change, what you want to be told of, where and when. Secrets are written and never shown."""
        person = cast("User", request.user)
        if request.method == "PATCH":
            said = PreferencesSerializer(data=request.data)
            said.is_valid(raise_exception=True)
            own = dict(said.validated_data)
            services.prefer(user=person, topics=own.pop("topics", {}), own=own, actor=person)
        return Response(PreferencesSerializer(wishes.of(person)).data)

    @extend_schema(request=TestOf, responses={202: OpenApiResponse(description="It is on its way.")})
    @action(detail=False, methods=["post"], url_path="test", serializer_class=TestOf)
    def try_channel(self, request: Request) -> Response:
        """Send yourself a notification by one channel, to see whether it arrives."""
        said = TestOf(data=request.data)
        said.is_valid(raise_exception=True)
        channel = Channel(said.validated_data["channel"])
        services.try_channel(user=cast("User", request.user), channel=channel, now=timezone.now())
        return Response(status=202)
