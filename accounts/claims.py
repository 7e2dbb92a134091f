"""Decisions about single sign-on: what an identity provider's claims make of a person. No database, no network here."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from rcaplatform.kit.errors import NotAllowed

LONGEST_ISSUER, LONGEST_SUBJECT = 200, 191  # what the columns of identities hold
ROLES = ("admin", "engineer", "user")  # the highest first
# Whoever has an account there gets a token from these, so that somebody must say whose employees are meant.
EVERYBODYS = {"accounts.google.com"}
_NOT_IN_A_NAME = re.compile(r"[^\w.@+-]+")
_LONGEST = 140  # leaves room for a number behind it


@dataclass(frozen=True, kw_only=True)
class Provider:
    """The identity provider that people may sign in with, as the environment names it (``OIDC_…``).

    Attributes:
        issuer: as it names itself in its tokens; empty where there is none.
        name: on the button.
        domains: of the e-mail addresses that are let in; empty for all.
        role_claim: which claim says what somebody is here; a dot leads into an object. Empty where none does.
        admins, engineers: values of that claim, any of which makes one.
        default_role: of whom no value says more; empty to refuse them.
    """

    issuer: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    name: str = "single sign-on"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    domains: tuple[str, ...] = ()
    role_claim: str = ""
    admins: tuple[str, ...] = ()
    engineers: tuple[str, ...] = ()
    default_role: str = "user"

    def __post_init__(self) -> None:
        if self.issuer and (wrong := self.wrong()):
            raise ImproperlyConfigured(wrong)

    def __bool__(self) -> bool:
        return bool(self.issuer)

    def wrong(self) -> str:
        """Return what is wrong with it, by the variable's name; empty when nothing is."""
        place = urlsplit(self.issuer)
        host = place.hostname or ""
        encrypted = place.scheme == "https" or (place.scheme == "http" and _is_own_machine(host))
        mapped = bool(self.admins or self.engineers)
        rules = (
            (encrypted and bool(host), "OIDC_ISSUER must be an https address."),
            (len(self.issuer) <= LONGEST_ISSUER, f"OIDC_ISSUER must have at most {LONGEST_ISSUER} characters."),
            (bool(self.client_id), "OIDC_CLIENT_ID is needed with OIDC_ISSUER."),
            ("openid" in self.scopes, "OIDC_SCOPES must hold openid."),
            (self.default_role in {*ROLES, ""}, f"OIDC_DEFAULT_ROLE must be one of {', '.join(ROLES)}, or empty."),
            (bool(self.role_claim) or not mapped, "OIDC_ADMINS and OIDC_ENGINEERS need OIDC_ROLE_CLAIM."),
            (host not in EVERYBODYS or bool(self.domains), f"OIDC_DOMAINS is needed: {host} signs everybody in."),
        )
        return next((message for holds, message in rules if not holds), "")


def _is_own_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def known_roles(variable: str, said: Iterable[str]) -> frozenset[str]:
    """Return the roles that a variable names.

    Raises:
        ImproperlyConfigured: it names one that there is not.
    """
    named = frozenset(one.strip() for one in said) - {""}
    if unknown := sorted(named.difference(ROLES)):
        raise ImproperlyConfigured(f"{variable} must name roles ({', '.join(ROLES)}), not {', '.join(unknown)}.")
    return named


def role_of(claims: Mapping[str, Any], provider: Provider) -> str:
    """Return the highest role that the claims give.

    Raises:
        NotAllowed: they give none.
    """
    said = _values(claims, provider.role_claim) if provider.role_claim else set()
    for role, values in (("admin", provider.admins), ("engineer", provider.engineers)):
        if said.intersection(values):
            return role
    if not provider.default_role:
        raise NotAllowed(f"{provider.name} gives you no role here. Ask an administrator.")
    return provider.default_role


def _values(claims: Mapping[str, Any], path: str) -> set[str]:
    found: Any = claims.get(path)  # a name may have dots of its own
    if found is None:
        found = claims
        for name in path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
    return {one for one in (found if isinstance(found, list) else [found]) if isinstance(one, str)}


def require_domain(claims: Mapping[str, Any], provider: Provider) -> None:
    """Return when a person's e-mail address is of a domain that is let in; one that was not verified is of none.

    Raises:
        NotAllowed: it is not.
    """
    _, at, domain = email_of(claims).lower().rpartition("@")
    verified = bool(at) and claims.get("email_verified") is True
    if provider.domains and not (verified and domain in {one.lower() for one in provider.domains}):
        raise NotAllowed(f"{provider.name} vouches for no e-mail address of yours that is let in here.")


def email_of(claims: Mapping[str, Any]) -> str:
    """Return the e-mail address; nothing where the provider itself says that it is not verified."""
    return "" if claims.get("email_verified") is False else text(claims, "email", 254)


def usernames(claims: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a new person may be called, the best first, without end: names that are taken are passed over."""
    said = text(claims, "preferred_username") or email_of(claims) or text(claims, "name") or text(claims, "sub")
    base = _NOT_IN_A_NAME.sub("-", said).strip("-")[:_LONGEST] or "person"
    yield base
    number = 2
    while True:
        yield f"{base}-{number}"
        number += 1


def text(claims: Mapping[str, Any], name: str, longest: int = 150) -> str:
    """Return a claim that is a line of text, cut to length; nothing for any other."""
    value = claims.get(name)
    if not isinstance(value, str):
        return ""
    # Half a pair of JSON's escapes is no letter, and no database keeps it.
    return value[:longest].replace("\0", "").encode(errors="ignore").decode().strip()


def subject_fits(claims: Mapping[str, Any]) -> bool:
    """Tell whether who this is can be kept: a subject that was cut would be somebody else's."""
    subject = claims.get("sub")
    return isinstance(subject, str) and 0 < len(subject) <= LONGEST_SUBJECT and subject.isprintable()
