"""A RabbitMQ of a test's own: its node, ports and folders are nobody else's."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from kombu import Connection

from benchmarks.cluster import until
from benchmarks.product import free_port
from connectors.tests.realpeers import missing

# Debian's own command changes to the user of its service; this is what it runs.
PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def require() -> None:
    """Skip where RabbitMQ is not installed; under CI, which installs it, fail."""
    if not PROGRAM.exists():
        missing("RabbitMQ is not installed: apt-get install rabbitmq-server")


class RabbitMQ:
    """One broker in a folder."""

    def __init__(self, home: Path) -> None:
        self.home, self.port, self.names = home, free_port(), free_port()
        self.url = f"amqp://127.0.0.1:{self.port}//"
        (home / "rabbitmq.conf").write_text("loopback_users.guest = true\n")

    @property
    def environment(self) -> dict[str, str]:
        """What keeps it apart from any other."""
        node = {"NODENAME": f"rca{self.port}@localhost", "NODE_PORT": self.port, "NODE_IP_ADDRESS": "127.0.0.1"}
        places = {"MNESIA_BASE": "db", "LOG_BASE": "log", "ENABLED_PLUGINS_FILE": "plugins", "CONFIG_FILE": "rabbitmq"}
        own = {**node, "DIST_PORT": free_port(), **{name: self.home / place for name, place in places.items()}}
        erlang = {"HOME": str(self.home), "ERL_EPMD_PORT": str(self.names), "ERL_EPMD_ADDRESS": "127.0.0.1"}
        return {"PATH": os.defpath, **erlang, **{f"RABBITMQ_{name}": str(value) for name, value in own.items()}}

    def answers(self) -> bool:
        """Tell whether it takes connections."""
        try:
            with Connection(self.url, connect_timeout=2) as connection:
                connection.connect()
        except OSError:
            return False
        return True

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.home / "out").open("ab") as log:
            self._process = subprocess.Popen(
                [str(PROGRAM)], env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        until(self.answers)

    def stop(self) -> None:
        """Kill it, with the daemon of names that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        until(self._names_gone, 20)

    def _names_gone(self) -> bool:
        """End the daemon of names; it stays while it believes that a node lives."""
        command = [shutil.which("epmd") or "epmd", "-port", str(self.names), "-relaxed_command_check", "-kill"]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        return "living nodes" not in said.stdout + said.stderr
