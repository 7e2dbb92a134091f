"""Decision: whether what the environment says about the assistant can work. No I/O."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

PROTOCOLS = ("ollama", "openai")
LONGEST = 300  # seconds: a worker may ask twice, and ends before Celery ends it


def wrong(given: Mapping[str, Any]) -> str:
    """Return what is wrong with the settings of the assistant, naming the variable; nothing when it is off or right.

    The address is not repeated: it may hold a password.

    Args:
        given: each setting by its name.
    """
    if not given["ASSISTANT_URL"]:
        return ""
    if not _is_address(given["ASSISTANT_URL"]):
        return "ASSISTANT_URL must be an http or https address without user and query; a key goes to ASSISTANT_KEY."
    if given["ASSISTANT_PROTOCOL"] not in PROTOCOLS:
        return f"ASSISTANT_PROTOCOL must be one of {', '.join(PROTOCOLS)}."
    if not given["ASSISTANT_MODEL"]:
        return "ASSISTANT_MODEL must name a model while ASSISTANT_URL is set."
    if given["ASSISTANT_TIMEOUT"] > LONGEST:
        return f"ASSISTANT_TIMEOUT must be at most {LONGEST} seconds."
    return next(
        (f"{name} must be at least 1." for name, value in given.items() if isinstance(value, int) and value < 1), ""
    )


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.scheme in {"http", "https"}
    except ValueError:
        return False
    return named and parts.username is None and not parts.query and not parts.fragment
