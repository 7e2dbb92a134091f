"""Shapes of people and tokens at the API door."""

from rest_framework import serializers

from accounts.models import Role
from rcaplatform.kit.views import Strict


class Credentials(Strict):
    """What proves who somebody is."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1_000, trim_whitespace=False, style={"input_type": "password"})


class RefreshRequest(Strict):
    """A refresh token."""

    refresh = serializers.CharField(max_length=4_000)


class VerifyRequest(Strict):
    """A token of either kind."""

    token = serializers.CharField(max_length=4_000)


class TokenPair(serializers.Serializer[object]):
    """`access` goes into the header ``Authorization: Bearer``; `refresh` gives the next pair, once."""

    access = serializers.CharField()
    refresh = serializers.CharField()


class Me(serializers.Serializer[object]):
    """Who is asking."""

    id = serializers.UUIDField()
    username = serializers.CharField()
    name = serializers.CharField(source="get_full_name")
    email = serializers.EmailField()
    role = serializers.ChoiceField(Role.choices)
