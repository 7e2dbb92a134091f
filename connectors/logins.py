"""Decisions about how we prove ourselves to a source: the headers of HTTP's usual schemes. No database here."""

from base64 import b64encode
from dataclasses import dataclass

from connectors.base import option, secret
from connectors.http import HTTPConfig


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a bearer token; none without one."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header of basic authentication; none without a user."""
    pair = b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"} if user else {}


@dataclass(frozen=True, kw_only=True)
class LoginConfig(HTTPConfig):
    """What a source is set by that stands open, or behind a bearer token or a password."""

    token: str = secret("Bearer token, where one is needed.", default="")
    user: str = option("User of basic authentication, where it is needed.", default="")
    password: str = secret("Password of that user.", default="")

    def login(self) -> dict[str, str]:
        """Return the headers that prove us; a token goes before a password."""
        return bearer(self.token) or basic(self.user, self.password)


@dataclass(frozen=True, kw_only=True)
class TenantConfig(LoginConfig):
    """What a server is set by that may keep several tenants apart, as Loki, Tempo and Mimir do."""

    tenant: str = option("X-Scope-OrgID: the tenant, or several as a|b, where there are any.", default="")

    def login(self) -> dict[str, str]:
        """Return the headers that prove us and name the tenant."""
        return super().login() | ({"X-Scope-OrgID": self.tenant} if self.tenant else {})
