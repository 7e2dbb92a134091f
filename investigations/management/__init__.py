"""Doors of the command line."""
