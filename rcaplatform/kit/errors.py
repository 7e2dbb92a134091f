"""Errors named by what the caller must do. Doors turn them into problem details (RFC 9457) or a line on the page."""

from collections.abc import Mapping


class DomainError(Exception):
    """Something a caller can understand and act upon.

    Attributes:
        status: the HTTP status a door answers with.
        code: a stable identifier for programs.
        fields: messages by field name, where fields are to blame.
    """

    status = 400
    code = "invalid"

    def __init__(self, message: str, *, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields = dict(fields or {})


class Invalid(DomainError):
    """A value breaks a rule: correct the named fields and try again."""

    @classmethod
    def of(cls, problems: Mapping[str, list[str]]) -> "Invalid":
        """Return what is wrong with several fields, as a model's ``ValidationError.message_dict`` says it."""
        fields = {name: " ".join(messages) for name, messages in problems.items()}
        return cls("; ".join(f"{name}: {text}" for name, text in fields.items()), fields=fields)


class NotAllowed(DomainError):
    """The caller's role does not permit this."""

    status, code = 403, "not_allowed"


class Conflict(DomainError):
    """Somebody else changed it first: read it again and decide."""

    status, code = 409, "conflict"


class TooLarge(DomainError):
    """The body passes a size limit: send less at a time."""

    status, code = 413, "too_large"


class Unavailable(DomainError):
    """A service this product stands on does not answer: try again later."""

    status, code = 503, "unavailable"


class Busy(DomainError):
    """More is waiting than may wait, and none of this was taken: send it again after ``seconds``."""

    status, code = 429, "busy"

    def __init__(self, message: str, *, seconds: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(seconds)}
