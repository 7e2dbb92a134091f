"""Source: git."""

from connectors.base import ConnectorConfig, Pull


class Git(Pull[ConnectorConfig]):
    kind, label, Config = "git", "Git", ConnectorConfig
