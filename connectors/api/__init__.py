"""Doors: connectors over the API."""
