"""Decisions about what is blanked: secrets in every log line, and people in an export that asks for it. No database."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

BLANK = "[redacted]"
_DEEPEST = 12  # levels; what lies deeper is blanked whole

# Fields that hold a secret whatever it looks like; compared in lower case, with "_" for "-"
# and before each hump.
SECRET_FIELDS = frozenset(
    "password passwd passphrase pwd secret client_secret webhook_secret secret_key private_key access_key "
    "secret_access_key signing_key token access_token refresh_token id_token session_token bearer_token "
    "authorization proxy_authorization api_key apikey x_api_key cookie set_cookie sessionid csrftoken "
    "credential credentials dsn database_url redis_url email_url broker_url x_gitlab_token slack_url".split()
)
# So does one whose name ends like this: db_password, gitlab_token.
_SECRET_ENDS = (
    *("_password", "_passwd", "_passphrase", "_secret", "_token", "_credentials"),
    *("_api_key", "_apikey", "_secret_key", "_access_key", "_private_key"),
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# A text with none of these, in lower case, holds nothing that the expressions below look for.
_MARKS = ("rca_", "eyj", "@", "bearer", "basic", "pass", "secret", "token", "key", "auth", "cookie", "session", "gh")
_MORE_MARKS = ("glpat-", "xox", "whsec_", "slack.com", "/unsubscribe/")
_KEYS = re.compile(
    r"\brca_[\w-]{16,}"  # API keys of ours
    r"|(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"  # JSON Web Tokens
    r"|\b(?:gh[pousr]_|glpat-|xox[abeprs]-|whsec_)[\w+/=-]{12,}"  # keys of forges and messengers
    r"|(?<=hooks\.slack\.com/services/)[\w/]{4,}"
    r"|(?<=/unsubscribe/)[^\s/?#'\",]+"  # who has the address may use it, without signing in
    r"|(?<=\b[Bb]earer )[^\s'\",;]{4,}|(?<=\b[Bb]asic )[\w+/=-]{4,}"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\w+/=\s\\]*"
)
_USERINFO = re.compile(r"(?<=://)[^\s/@?#'\"<>]{1,500}@")
_ASSIGNED = re.compile(
    r"""((?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|authorization|cookie"""
    r"""|sessionid)["']?\s{0,3}(?:=>|[:=])\s{0,3})("[^"]{1,2000}"|'[^']{1,2000}'"""
    r"""|(?:(?:basic|bearer|digest|token|api-?key|splunk|negotiate|ntlm|hawk)[ ]{1,3})?"""  # of Authorization: …
    r"""(?:\[redacted\]|[^\s"',;&})\]]{1,2000}))""",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
# With a port behind it, or within more that looks like an address of version 6.
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\w)")
_MAYBE_IP = re.compile(r"(?<![\w.:])[0-9A-Fa-f:.]{2,45}(?![\w:])")


@lru_cache(1_000)
def secret_field(name: str) -> bool:
    """Tell whether a field of this name holds a secret."""
    said = _HUMP.sub("_", name).replace("-", "_").lower()
    return said in SECRET_FIELDS or said.endswith(_SECRET_ENDS)


def suspicious(text: str) -> bool:
    """Tell, quickly, whether a text may hold a secret at all."""
    lower = text.lower()
    return any(mark in lower for mark in _MARKS) or any(mark in lower for mark in _MORE_MARKS)


def without_secrets(text: str) -> str:
    """Return a text with a blank for each secret in it: by how it looks, or by the name before it."""
    if not suspicious(text):
        return text
    text = _USERINFO.sub(f"{BLANK}@", _KEYS.sub(BLANK, text))
    return _ASSIGNED.sub(rf"\1{BLANK}", text)


def without_people(text: str) -> str:
    """Return a text with a blank for each secret, e-mail address and IP address in it."""
    text = _MAYBE_IP.sub(_no_ip, _EMAIL.sub(BLANK, without_secrets(text)))
    return _IPV4.sub(_no_ip, text)


def redacted(value: Any, text: Callable[[str], str] = without_secrets, *, deepest: int = _DEEPEST) -> Any:
    """Return a JSON value with a blank for every field that holds a secret, and each text as ``text`` returns it.

    Names of fields are texts too. Those that become one name are numbered in their order, so that none loses its value.
    """
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return BLANK if deepest == 0 else _object(value, text, deepest)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return BLANK if deepest == 0 else [redacted(one, text, deepest=deepest - 1) for one in value]
    return value


def _object(value: Mapping[Any, Any], text: Callable[[str], str], deepest: int) -> dict[Any, Any]:
    known = [_field(name, text) if isinstance(name, str) else (name, False) for name in value]
    names = [name for name, _ in known]
    if len(set(names)) < len(names):
        names = _numbered(names, value)
    fields = zip(names, known, value.values(), strict=True)
    return {
        name: BLANK if secret and held else redacted(held, text, deepest=deepest - 1)
        for name, (_, secret), held in fields
    }


@lru_cache(1_000)
def _field(name: str, text: Callable[[str], str]) -> tuple[str, bool]:
    """Return under what name a field is told, and whether it holds a secret."""
    return text(name), secret_field(name)


def _numbered(names: list[Any], before: Collection[Any]) -> list[Any]:
    """Return ``names``, of which those that are not as ``before`` have a number where theirs is taken."""
    taken = {name for name, old in zip(names, before, strict=True) if name == old}
    number, told = Counter[str](), []
    for name, old in zip(names, before, strict=True):
        free = name
        while name != old and free in taken:
            number[name] += 1
            free = f"{name} {number[name] + 1}"
        taken.add(free)
        told.append(free)
    return told


def _no_ip(found: re.Match[str]) -> str:
    kept = found[0].rstrip(".:")  # the end of a sentence
    try:
        ip_address(kept)
    except ValueError:
        return found[0]
    return BLANK + found[0][len(kept) :]
