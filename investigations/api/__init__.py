"""Doors: the REST API of this app."""
