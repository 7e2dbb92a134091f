"""Doors of the command line: `manage.py NAME`."""
