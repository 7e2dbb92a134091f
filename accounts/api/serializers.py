"""Shapes of people, tokens and API keys at the API door."""

from typing import Any

from rest_framework import serializers

from accounts import credentials
from accounts.api.fields import PersonField
from accounts.models import ApiKey, AuditEntry, RevokedToken, Role, Scope
from rcaplatform.kit.views import Shown, Strict

HIGHEST_LIMIT = 1_000_000


class Credentials(Strict):
    """What proves who somebody is."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1_000, trim_whitespace=False, style={"input_type": "password"})
    code = serializers.CharField(
        max_length=20, required=False, help_text="Of the second factor, or a recovery code, where there is one."
    )


class RefreshRequest(Strict):
    """A refresh token."""

    refresh = serializers.CharField(max_length=4_000)


class SignOutRequest(Strict):
    """The refresh token of the sign-in to end; it may be left out where the request carries the access token."""

    refresh = serializers.CharField(max_length=4_000, required=False)


class VerifyRequest(Strict):
    """A token of either kind."""

    token = serializers.CharField(max_length=4_000)


class TokenPair(serializers.Serializer[object]):
    """`access` goes into the header ``Authorization: Bearer``; `refresh` gives the next pair, once."""

    access = serializers.CharField()
    refresh = serializers.CharField()


class Me(Shown):
    """Who is asking."""

    id = serializers.UUIDField()
    username = serializers.CharField()
    name = serializers.CharField(source="get_full_name")
    email = serializers.EmailField()
    role = serializers.ChoiceField(Role.choices)


class Revocation(Strict):
    """Which token shall be worthless, by its text or by its id, and why."""

    token = serializers.CharField(max_length=4_000, required=False, help_text="The token itself.")
    jti = serializers.RegexField(
        r"^[0-9A-Za-z_-]{8,64}$", required=False, help_text="Its id, or the id (`sid`) of a whole sign-in."
    )
    reason = serializers.CharField(max_length=200, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse both and neither."""
        if ("token" in attrs) == ("jti" in attrs):
            raise serializers.ValidationError({"token": "Give token or jti, one of them."})
        return attrs


class RevocationOfAll(Strict):
    """Why every token of a person shall be worthless, and whether their API keys shall be too."""

    reason = serializers.CharField(max_length=200, allow_blank=True, default="")
    api_keys = serializers.BooleanField(default=False, help_text="Revoke the API keys that act for them too.")


class Erasure(Strict):
    """Who is erased, once more."""

    username = serializers.CharField(max_length=150, help_text="Theirs, so that nobody errs.")


class RevokedTokenSerializer(serializers.ModelSerializer[RevokedToken]):
    """A token, or a sign-in, that is worthless before its time."""

    class Meta:
        model = RevokedToken
        fields = ["id", "jti", "user", "reason", "revoked_at", "revoked_by", "expires_at"]


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    """An API key without its secret."""

    class Meta:
        model = ApiKey
        fields = [
            "id", "name", "prefix", "user", "scope", "rate_limit", "created_at", "expires_at", "revoked_at",
            "last_used_at",
        ]  # fmt: skip


class NewApiKey(Strict):
    """An API key to make. Only an administrator makes one that acts for somebody else."""

    name = serializers.CharField(max_length=100, help_text="What it is for.")
    scope = serializers.ChoiceField(Scope.choices)
    user = PersonField(required=False)
    expires_at = serializers.DateTimeField(default=None, allow_null=True, help_text="Never unless told.")
    rate_limit = serializers.IntegerField(
        default=None,
        allow_null=True,
        min_value=1,
        max_value=HIGHEST_LIMIT,
        help_text="Requests a minute; that of its scope or role unless told. Only an administrator may set it.",
    )

    def create(self, validated_data: dict[str, Any]) -> tuple[ApiKey, str]:
        """Make it by its deed."""
        actor = validated_data["actor"]
        return credentials.create_key(**{"user": actor, **validated_data})

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what is an administrator's to decide."""
        asking = self.context["request"].user
        foreign = [name for name in ("user", "rate_limit") if attrs.get(name) not in (None, asking)]
        if foreign and asking.role != Role.ADMIN:
            raise serializers.ValidationError(dict.fromkeys(foreign, "Only an administrator decides this."))
        return attrs


class SecretApiKey(ApiKeySerializer):
    """A new API key with its secret, which is shown this once."""

    key = serializers.CharField(read_only=True, help_text="Keep it: nobody can show it again.")

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "key"]


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    """One thing somebody did. `position` and `digest` say where it stands in the chain of seals; null until sealed."""

    actor = serializers.CharField(source="actor.username", default=None, allow_null=True, help_text="Null: the system.")
    position = serializers.IntegerField(source="seal.position", default=None, allow_null=True)
    digest = serializers.CharField(source="seal.digest", default=None, allow_null=True)

    class Meta:
        model = AuditEntry
        fields = [
            "id", "at", "actor", "verb", "target_type", "target_id", "change", "request_id", "address", "position",
            "digest",
        ]  # fmt: skip
