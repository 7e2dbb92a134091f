"""One variable set, a trace follows a request through web server, database and task."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.products import Product

pytestmark = pytest.mark.slow
QUERY = "hunter2"
LINKED = ("rca-worker", "run/investigations.link")


class Receiver(ThreadingHTTPServer):
    """Takes spans over OTLP, and keeps them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def spans(self) -> list[tuple[str, Any]]:
        """Return all that came: the service and the span."""
        exports = [ExportTraceServiceRequest.FromString(body) for body in tuple(self.bodies)]
        return [
            (next(entry.value.string_value for entry in told.resource.attributes if entry.key == "service.name"), span)
            for export in exports
            for told in export.resource_spans
            for scope in told.scope_spans
            for span in scope.spans
        ]


class _Answer(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            self.server.bodies.append(body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def names(receiver: Receiver, trace: bytes) -> set[str]:
    """Return the service and name of each span of a trace."""
    return {f"{service} {span.name}" for service, span in receiver.spans() if span.trace_id == trace}


def test_a_trace_leads_from_the_request_to_its_task_and_statements(product: Product, receiver: Receiver) -> None:
    product.start(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_BSP_SCHEDULE_DELAY="200")
    # Once it has swept, the worker links by the bell, whose trace this is, and not by the timer that came first.
    product.until(lambda: any((service, span.name) == LINKED for service, span in receiver.spans()))
    with httpx.Client(base_url=f"http://127.0.0.1:{product.port}", timeout=30) as web:
        password = (product.data_dir / "demo-password").read_text().strip()
        signed = web.post("/api/v1/auth/token", json={"username": "engineer", "password": password})
        web.headers["Authorization"] = f"Bearer {signed.json()['access']}"
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        event = {"source": "manual", "title": "Seen by hand", "timestamp": "2026-01-01T00:00:00Z", "severity": "low"}
        made = web.post(
            f"/api/v1/events?note={QUERY}", json=event, headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
        )
        assert made.status_code == 201, made.text
    wanted = {
        "rca-web POST api/v1/events/?$",
        "rca-web WITH",  # the statement that stores
        "rca-web apply_async/investigations.link",
        " ".join(LINKED),
        "rca-worker UPDATE",
    }
    product.until(lambda: wanted <= names(receiver, bytes.fromhex(trace)))
    assert QUERY not in str(receiver.spans())
