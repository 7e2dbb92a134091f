"""Source: jsonlines."""

from connectors.base import ConnectorConfig, Pull


class JSONLines(Pull[ConnectorConfig]):
    kind, label, Config = "jsonlines", "JSONLines", ConnectorConfig
