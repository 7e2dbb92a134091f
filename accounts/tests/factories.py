"""Test data: the people of the cast, and what every factory has in common."""
# mypy: disable-error-code="attr-defined, no-untyped-call, untyped-decorator"

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import factory
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from factory.django import DjangoModelFactory

from accounts import secondfactor
from accounts.models import ApiKey, Role, Scope, User

PASSWORD = "correct horse battery staple"
Row = TypeVar("Row")


class RowFactory(DjangoModelFactory[Row]):
    """A factory whose calls the type checker understands: they return the row."""

    if TYPE_CHECKING:

        def __new__(cls, **values: Any) -> Row: ...  # type: ignore[misc]


class UserFactory(RowFactory[User]):
    """A person; `role` says which. Their password is `PASSWORD`."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda number: f"person-{number}")
    email = factory.LazyAttribute(lambda person: f"{person.username}@example.org")
    role = Role.USER
    password = factory.django.Password(PASSWORD)
    is_staff = factory.LazyAttribute(lambda person: person.role == Role.ADMIN)
    is_superuser = factory.LazyAttribute(lambda person: person.role == Role.ADMIN)

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **kwargs: Any) -> User:
        return model_class.objects.create(*args, **kwargs)


class ApiKeyFactory(RowFactory[ApiKey]):
    """A key nobody knows the secret of; `credentials.create_key` tells it."""

    class Meta:
        model = ApiKey

    name = "a program"
    prefix = "rca_01234567"
    digest = factory.Sequence(lambda number: f"{number:064x}")
    user = factory.SubFactory(UserFactory)
    scope = Scope.FULL


def code_at(secret: str, now: datetime) -> str:
    """Return what an authenticator with this secret shows."""
    return str(format_hotp_value(hotp_value(secret, int(now.timestamp()) // 30)))


def give_second_factor(person: User, now: datetime) -> tuple[str, list[str]]:
    """Turn on a second factor and return its secret and its recovery codes."""
    secret = secondfactor.new_secret()
    return secret, secondfactor.turn_on(user=person, secret=secret, code=code_at(secret, now), now=now)
