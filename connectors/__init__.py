"""The outside world: sources, polling, webhooks, dead letters."""
