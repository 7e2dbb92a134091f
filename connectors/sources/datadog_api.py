"""Decisions about Datadog's API that its sources share: where it is and how it is spoken to. No database here."""

from dataclasses import dataclass

from connectors.base import option, secret
from connectors.http import Endpoint, HTTPConfig


@dataclass(frozen=True, kw_only=True)
class DatadogConfig(HTTPConfig):
    """Settings that all sources of Datadog have."""

    url: str = option("Address of the API of your site.", default="https://api.datadoghq.com")
    api_key: str = secret("API key.")
    application_key: str = secret("Application key.")

    def endpoint(self) -> Endpoint:
        """Return where it is and how it is spoken to."""
        headers = {"DD-API-KEY": self.api_key, "DD-APPLICATION-KEY": self.application_key}
        return Endpoint(url=self.url, headers=headers, requests_per_second=self.requests_per_second)

    @property
    def app(self) -> str:
        """Address of the pages that people look at."""
        return self.url.rstrip("/").replace("://api.", "://app.", 1)
