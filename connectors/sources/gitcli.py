"""How git is run: no prompts, hooks or foreign configuration; bounded in time and output. No database here."""

import os
import re
import selectors
import signal
import subprocess
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from connectors.errors import Misconfigured, SourceUnavailable
from connectors.sources.gitaddress import SCHEMES, Address, mask
from connectors.sources.gitpulse import Watch
from connectors.sources.gitreach import UnknownHost, way_to
from rcaplatform.kit.errors import DomainError

PROGRAM = "git"
BEAT = 10.0  # seconds of silence after which a stream says that it is still at it
STALLED = 60.0  # seconds without a sign of life after which it is not
GRACE = 10.0  # seconds from the end of what git says to its own end
MAX_OUTPUT = 64 * 1024 * 1024
MAX_COMPLAINT = 4_096
CHUNK = 128 * 1024
PIPE_SIZE = 1024 * 1024  # how far git may work ahead
OPTIONS = (
    "protocol.ext.allow=never",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=",
    "core.attributesFile=/dev/null",
    "core.bigFileThreshold=8m",  # the lines of larger files are not counted
    "core.commitGraph=false",  # a listing must come in the same order before and after one is written
    "credential.helper=",
    "gc.auto=0",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
    "i18n.logOutputEncoding=UTF-8",
)
REMOTE = frozenset({"fetch", "ls-remote"})  # what goes to where the repository is
SSH = (
    "ssh -oBatchMode=yes -oConnectTimeout=15 -oServerAliveInterval=15 -oServerAliveCountMax=4 "
    "-oControlPath=none -oForwardAgent=no -oClearAllForwardings=yes -oPermitLocalCommand=no"
)
_INHERITED = ("PATH", "HOME", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR")
_MARK = "RCA_SUPERVISED"  # by which the next start of the product finds what outlived a worker that was killed
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


class GitFailed(SourceUnavailable):
    """git gave up for a reason that is not known to be the owner's to mend."""


# What git says, in the C locale, and what that means to the owner of the connector.
_CAUSES: tuple[tuple[str, type[DomainError], str], ...] = (
    (
        "could not resolve host|unable to look up|name resolution|service not known",
        UnknownHost,
        "its host is not known",
    ),
    ("host key verification", Misconfigured, "the key of its host is not known to ssh"),
    (
        r"could not read (user|pass)|authentication failed|access denied|permission denied \(|error: 40[13]",
        Misconfigured,
        "it cannot be read with these credentials, or without any",
    ),
    ("promisor|lazy fetching", Misconfigured, "it is a partial clone; give the repository it was cloned from"),
    (
        "does not appear to be a git repo|repository .*not found|error: 404|not valid: is this a git",
        Misconfigured,
        "there is no git repository",
    ),
    ("transport .* not allowed|strange (host|path)name", Misconfigured, "git may not be given this address"),
    (r"error: 30\d", Misconfigured, "it has moved; give the address at which it is now"),
    ("no space left", SourceUnavailable, "the disk is full"),
)


class Git:
    """git, as it is run for one repository.

    Args:
        address: where the repository is.
        token: a password or access token for https; may be empty.
        workspace: a folder for what git must read of us.
        directory: the repository that commands without an address work on.
    """

    def __init__(self, address: Address, *, token: str, workspace: Path, directory: Path) -> None:
        self.address = address
        self.directory = directory
        self._environment = _environment(address, token, workspace)

    def run(self, *arguments: str, stdin: bytes = b"", limit: float = 60) -> bytes:
        """Return what git says, at most 64 MiB; for the rest see `stream`."""
        answer = bytearray()
        for chunk in self.stream(*arguments, stdin=stdin, limit=limit):
            answer += chunk
            if len(answer) > MAX_OUTPUT:
                raise SourceUnavailable(f"{self.address}: git {arguments[0]} answers more than {MAX_OUTPUT} bytes.")
        return bytes(answer)

    def stream(self, *arguments: str, stdin: bytes = b"", limit: float) -> Iterator[bytes]:
        """Yield what git says as it comes, and nothing (``b""``) after every 10 seconds of silence.

        Args:
            limit: seconds that git may let us wait in all. It is ended then, after a minute in which none of its
                processes moved a byte or computed, or when the caller loses interest.

        Raises:
            Misconfigured: the owner must change something.
            SourceUnavailable: it failed otherwise; `GitFailed` and `UnknownHost` say how.
        """
        complaint = bytearray()
        with tempfile.TemporaryFile() as feed:
            feed.write(stdin)
            feed.seek(0)
            process = self._start(arguments, feed.fileno())
        with process:
            try:
                yield from self._listen(process, complaint, limit)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(GRACE)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)  # its helpers do not end with it
        if process.returncode:
            raise self._failure(arguments[0], complaint.decode(errors="replace"))

    def _start(self, arguments: tuple[str, ...], feed: int) -> "subprocess.Popen[bytes]":
        way = way_to(self.address) if arguments[0] in REMOTE else []
        options = [word for option in (*OPTIONS, *way) for word in ("-c", option)]
        command = [PROGRAM, *options, f"--git-dir={self.directory}", *arguments]
        pipe = subprocess.PIPE
        try:
            return subprocess.Popen(
                command,
                env=self._environment,
                stdin=feed,
                stdout=pipe,
                stderr=pipe,
                pipesize=PIPE_SIZE,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise Misconfigured("git is not installed on this machine.") from None

    def _listen(self, process: "subprocess.Popen[bytes]", complaint: bytearray, limit: float) -> Iterator[bytes]:
        waited, watch = 0.0, Watch(process.pid)
        with selectors.DefaultSelector() as pipes:
            for pipe in (process.stdout, process.stderr):
                pipes.register(pipe, selectors.EVENT_READ)  # type: ignore[arg-type]
            while pipes.get_map():
                began = time.monotonic()
                ready = pipes.select(min(BEAT, limit))
                passed = time.monotonic() - began
                waited += passed
                if waited > limit:
                    raise SourceUnavailable(f"{self.address}: git took longer than {limit:.0f} seconds.")
                if not ready:
                    if watch.idle_after(passed) >= STALLED:
                        raise SourceUnavailable(f"{self.address}: nothing has come of it for {STALLED:.0f} seconds.")
                    yield b""
                for key, _ in ready:
                    chunk = os.read(key.fd, CHUNK)
                    if not chunk:
                        pipes.unregister(key.fileobj)
                    elif key.fileobj is process.stdout:
                        yield chunk
                    else:
                        complaint += chunk
                        del complaint[:-MAX_COMPLAINT]

    def _failure(self, command: str, complaint: str) -> DomainError:
        said = mask(_said(complaint))
        for pattern, kind, reason in _CAUSES:
            if re.search(pattern, complaint, re.IGNORECASE):
                return kind(f"{self.address}: {reason} (git says: {said}).")
        return GitFailed(f"{self.address}: git {command} failed: {said}.")


def _environment(address: Address, token: str, workspace: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in (_MARK, *_INHERITED, *_PROXIES) if name in os.environ}
    kept |= {
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": _trust(address, workspace) if address.is_local else os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": ":".join(SCHEMES),
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_SSH_COMMAND": SSH,
    }
    if token:
        # Not on the command line, where every user of the machine can read it.
        credentials = b64encode(f"{address.user or 'git'}:{token}".encode()).decode()
        kept |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{address.scheme}://{address.host}/.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {credentials}",
        }
    return kept


def _trust(address: Address, workspace: Path) -> str:
    """Let git read this one path though it belongs to another user; git heeds that in a file only."""
    path = Path(address.path)
    workspace.mkdir(parents=True, exist_ok=True)
    file = workspace / "gitconfig"
    escaped = (str(name).replace("\\", "\\\\").replace('"', '\\"') for name in (path, path / ".git"))
    file.write_text("[safe]\n" + "".join(f'\tdirectory = "{name}"\n' for name in escaped))
    return str(file)


def _said(complaint: str) -> str:
    lines = [re.sub(r"\x1b\[[0-9;]*m|[\x00-\x1f\x7f]", "", line).strip() for line in complaint.splitlines()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:", "ssh:"))] or [
        line for line in lines if line
    ]
    return (fatal[0].removeprefix("fatal: ") if fatal else "nothing").rstrip(".")[:300]
