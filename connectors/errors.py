"""Errors of the outside world, named by what the engine must do about them."""

from rcaplatform.kit.errors import DomainError


class Misconfigured(DomainError):
    """The owner must change the connector's configuration; trying again does not help, unless it worked before."""

    code = "misconfigured"


class SourceUnavailable(DomainError):
    """The source does not answer now: try again later, with backoff."""

    status, code = 503, "source_unavailable"


class BadRecord(DomainError):
    """This one record cannot be understood: keep it as a dead letter and go on."""

    code = "bad_record"


class Forged(DomainError):
    """The delivery does not prove that it comes from its source."""

    status, code = 401, "bad_signature"
