"""Decision: which repository an address means, whether git may be given it, and where its commits can be seen."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit

from connectors.errors import Misconfigured

SCHEMES = ("https", "http", "ssh", "git", "file")
MAX_LENGTH = 1_500
_HOST = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9._:\]-]*")
_SCP_LIKE = re.compile(r"(?:(?P<user>[A-Za-z0-9_][\w.+-]*)@)?(?P<host>[A-Za-z0-9][\w.-]*):(?P<path>[^:\-].*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PASSWORD = re.compile(r"(?P<scheme>[a-z]+://)(?P<user>[^/@:]*):(?P<password>[^/@]*)@")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a repository is.

    Attributes:
        text: what git is given.
        scheme: one of `SCHEMES`; ``file`` for a path.
        host: with its port, without the user; empty for a path.
        path: on that host or on this machine.
        user: who signs in, where the address says so.
    """

    text: str
    scheme: str
    host: str
    path: str
    user: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address that ``text`` means.

        Raises:
            Misconfigured: it is no absolute path and no address git may be given; ``fields`` names ``url``.
        """
        if len(text) > MAX_LENGTH or _CONTROL.search(text):
            raise _wrong(f"Give at most {MAX_LENGTH} characters, and no control characters.")
        if text.startswith("/"):
            return cls(text, "file", "", text)
        if "://" in text:
            return cls._from_url(text)
        if match := _SCP_LIKE.fullmatch(text):
            return cls(text, "ssh", match["host"], match["path"], match["user"] or "")
        raise _wrong("Give an absolute path, or an address that starts with https://, ssh:// or git://.")

    @classmethod
    def _from_url(cls, text: str) -> Self:
        try:
            parts = urlsplit(text)
            host = _host(parts)
        except ValueError as problem:
            raise _wrong(f"This is no address: {problem}.") from None
        if parts.scheme not in SCHEMES:
            raise _wrong(f"Addresses may start with {', '.join(SCHEMES)}, not with {parts.scheme[:20]!r}.")
        if parts.password is not None:
            raise _wrong("Leave the password out of the address and give it as the token, which is sealed.")
        if (parts.username or "").startswith("-") or not (host or parts.scheme == "file"):
            raise _wrong("This address names no host.")
        return cls(text, parts.scheme, host, unquote(parts.path), unquote(parts.username or ""))

    def __str__(self) -> str:
        return mask(self.text)

    @property
    def is_local(self) -> bool:
        """Whether it is a path on this machine."""
        return self.scheme == "file"

    @property
    def repository(self) -> str:
        """What the repository is called: the last part of its path."""
        names = [part for part in PurePosixPath(self.path).parts if part not in {"/", ".git"}]
        return names[-1].removesuffix(".git") if names else "repository"

    @property
    def web(self) -> str:
        """The pages of the repository, or nothing where there are none."""
        path = self.path.strip("/").removesuffix(".git")
        if self.scheme not in {"https", "http", "ssh"} or "/" not in path:
            return ""
        if self.scheme == "ssh":
            return f"https://{self.host.partition(':')[0]}/{path}"
        return f"{self.scheme}://{self.host}/{path}"

    def commit_page(self, sha: str) -> str:
        """Return where a commit can be seen, or nothing."""
        if not self.web:
            return ""
        if "gitlab" in self.host:
            return f"{self.web}/-/commit/{sha}"
        return f"{self.web}/commits/{sha}" if "bitbucket" in self.host else f"{self.web}/commit/{sha}"


def without_password(text: str) -> tuple[str, str]:
    """Return a clone address without the password in it, and the password; empty where there is none."""
    if not (match := _PASSWORD.match(text)):
        return text, ""
    user = f"{match['user']}@" if match["user"] else ""
    return f"{match['scheme']}{user}{text[match.end() :]}", unquote(match["password"])


def mask(text: str) -> str:
    """Return ``text`` without the names and passwords of addresses in it."""
    return _CREDENTIALS.sub("", text)


def _host(parts: SplitResult) -> str:
    host = parts.netloc.rpartition("@")[2]
    if host and not _HOST.fullmatch(host):
        raise ValueError("its host is not the name of a host")
    if parts.port == 0:
        raise ValueError("its port is out of range")
    return host


def _wrong(message: str) -> Misconfigured:
    return Misconfigured(f"url: {message}", fields={"url": message})
