"""Errors of the outside world, named by what the engine must do about them."""

from collections.abc import Mapping

from rcaplatform.kit.errors import DomainError


class Misconfigured(DomainError):
    """The owner must change the connector's configuration; trying again does not help, unless it worked before."""

    code = "misconfigured"


class SourceUnavailable(DomainError):
    """The source does not answer now: try again later, with backoff."""

    status, code = 503, "source_unavailable"


class Refused(Misconfigured):
    """The source answered that it will not: a 4xx that trying again does not change.

    Attributes:
        answered: the HTTP status.
        said: the beginning of the body.
    """

    def __init__(self, message: str, *, answered: int, said: str = "", fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message, fields=fields)
        self.answered = answered
        self.said = said


class RateLimited(SourceUnavailable):
    """The source asks us to wait ``seconds``; nothing is wrong with it or with us."""

    code = "rate_limited"

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Resting(SourceUnavailable):
    """The circuit breaker is open: the source is not asked for a while."""

    code = "circuit_open"


class Poisoned(SourceUnavailable):
    """Too much of what the source says cannot be understood: it is not asked until somebody has looked."""

    code = "poisoned"


class Unfinished(SourceUnavailable):
    """There was more to read than one poll may take; the next one goes on."""

    code = "unfinished"


class BadRecord(DomainError):
    """This one record cannot be understood: keep it as a dead letter and go on."""

    code = "bad_record"


class Forged(DomainError):
    """The delivery does not prove that it comes from its source."""

    status, code = 401, "bad_signature"
