"""Source: github."""

from connectors.base import ConnectorConfig, Push


class GitHub(Push[ConnectorConfig]):
    kind, label, Config = "github", "GitHub", ConnectorConfig
