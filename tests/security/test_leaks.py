"""Secrets are fed through every path of a running product, and every place it writes to is searched for them.

What is searched for is told apart by name, so that a failure says which secret came out where. That a place is searched
at all is shown by a marker, which goes the same ways and is no secret.
"""

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from connectors.tests.peers import Peer
from rcaplatform.embedded import socket_dir
from tests.products import Product
from tests.security import leaking
from tests.security.leaking import CANARIES, MARKER, Leaky
from tests.test_tracing import Receiver

pytestmark = pytest.mark.slow
# Each place, and a word that shows that what was fed is there.
PLACES = {
    "the log": MARKER,
    "traces": "api/v1/events",
    "answers": MARKER,
    "commands": "PostgreSQL",
    "the database": MARKER,
    "Redis": "rca",
    "files": "supervisor.lock",
    "the list of a backup": "manifest.json",
}
# What one asks for is told back to who asked, and to nobody else.
ECHOED = {"answers": ["query", "search_query"]}
FAILING = 7  # connectors whose polls fail, each in its own way


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, bytes]]:
    """Everything that a product wrote down, after it was fed with secrets by every door."""
    product = Product(tmp_path_factory.mktemp("leaks") / "var")
    product.patience = 240
    with Receiver() as receiver, Peer({"*": leaking.echo}) as peer:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        try:
            yield fed(product, receiver, peer)
        finally:
            stop(product)
            receiver.shutdown()


def fed(product: Product, receiver: Receiver, peer: Peer) -> dict[str, bytes]:
    """Feed the product, and return what is in each place."""
    leaky = Leaky(product, receiver.url)
    leaky.sign_in()
    leaking.by_sources(leaky, peer)
    leaking.by_notifications(leaky)
    leaking.by_credentials(leaky)
    leaking.by_addresses(leaky)
    leaking.by_the_command_line(leaky)
    product.until(lambda: leaking.failed(leaky) >= FAILING)
    leaking.by_faults(leaky)
    leaking.by_reading(leaky)
    leaking.in_a_browser(leaky)
    product.until(lambda: b"api/v1/investigations" in b"".join(receiver.bodies))
    CANARIES.update(own_token=leaky.token, new_key=leaky.new_key)
    found = {
        "Redis": leaking.in_redis(leaky),
        "the database": leaking.in_database(leaky),
        "files": leaking.in_files(leaky),
        "the list of a backup": leaking.in_backup(leaky),
        "the log": product.log.read_bytes(),
        "traces": b"".join(receiver.bodies),
        "answers": b"\n".join(leaky.answers),
        "commands": b"\n".join(leaky.outputs),
    }
    leaky.close()
    return found


def stop(product: Product) -> None:
    """End every process of a product, and remove its sockets."""
    if product.supervisor:
        product.supervisor.kill()
        product.supervisor.wait()
    for number in product.alive():
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    shutil.rmtree(socket_dir(product.data_dir), ignore_errors=True)


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_is_found_in(places: dict[str, bytes], place: str) -> None:
    assert leaking.leaks(places[place]) == ECHOED.get(place, [])


@pytest.mark.parametrize("place", PLACES)
def test_what_was_fed_is_found_in(places: dict[str, bytes], place: str) -> None:
    assert PLACES[place].encode() in places[place]


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_would_be_found_in(places: dict[str, bytes], place: str) -> None:
    for form in leaking.forms(CANARIES["git_token"]):
        assert "git_token" in leaking.leaks(places[place] + form)


def test_the_faults_were_met(places: dict[str, bytes]) -> None:
    """What should fail did: nothing was found because nothing happened."""
    met = ("Traceback", "delivery.refused", "notifications.failed", "relation", "poll")
    assert [word for word in met if word.encode() not in places["the log"]] == []
