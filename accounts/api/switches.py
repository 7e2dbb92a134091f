"""Doors: what can be switched off in an emergency, over the API. Administrators alone."""

from typing import Any, cast

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import switching
from accounts.models import Feature, Switch, User
from rcaplatform.kit.views import Strict


class SwitchRow(serializers.Serializer[Any]):
    """One feature, and whether it is on."""

    feature = serializers.ChoiceField(choices=Feature.choices)
    title = serializers.CharField(help_text="What it is, in words.")
    on = serializers.BooleanField()
    since = serializers.DateTimeField(allow_null=True, help_text="When it was switched off; null while it is on.")
    by = serializers.CharField(allow_null=True, help_text="Who did it; null at the command line, and while it is on.")
    reason = serializers.CharField(allow_blank=True)


class SwitchChange(Strict):
    """What a feature is to be."""

    on = serializers.BooleanField()
    reason = serializers.CharField(max_length=500, required=False, default="", help_text="Why it is switched off.")


class SwitchesView(APIView):
    """Everything that can be switched off."""

    queryset = Switch.objects.all()

    @extend_schema(responses=SwitchRow(many=True), operation_id="admin_switches_list")
    def get(self, request: Request) -> Response:
        """Show every feature and whether it is on."""
        off = {switch.feature: switch for switch in Switch.objects.select_related("actor")}
        return Response([_row(feature, off.get(feature)) for feature in Feature])


class SwitchView(APIView):
    """One feature."""

    queryset = Switch.objects.all()

    @extend_schema(request=SwitchChange, responses=SwitchRow)
    def patch(self, request: Request, feature: str) -> Response:
        """Switch it off or on, on every node within two seconds; what it is already it stays."""
        if feature not in Feature.values:
            raise Http404(f"Nothing called {feature[:40]} can be switched off.")
        body = SwitchChange(data=request.data)
        body.is_valid(raise_exception=True)
        chosen, actor, said = Feature(feature), cast("User", request.user), body.validated_data
        if said["on"]:
            switching.switch_on(feature=chosen, actor=actor)
        else:
            switching.switch_off(feature=chosen, actor=actor, now=timezone.now(), reason=said["reason"])
        return Response(_row(chosen, Switch.objects.select_related("actor").filter(feature=chosen).first()))


def _row(feature: Feature, switch: Switch | None) -> dict[str, Any]:
    shown = {"feature": feature.value, "title": feature.label, "on": switch is None}
    if switch is None:
        return SwitchRow({**shown, "since": None, "by": None, "reason": ""}).data
    by = switch.actor.username if switch.actor else None
    return SwitchRow({**shown, "since": switch.at, "by": by, "reason": switch.reason}).data
