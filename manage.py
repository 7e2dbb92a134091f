#!/usr/bin/env python
"""Door: Django's command line. User errors are one line, not a traceback."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError


def main() -> None:
    """Run the command named on the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rcaplatform.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as problem:
        sys.exit(f"Setting missing or wrong: {problem}")
    except OperationalError as problem:
        sys.exit(f"PostgreSQL cannot be reached: {problem}\nStart `make run` first, or set DATABASE_URL.")


if __name__ == "__main__":
    main()
