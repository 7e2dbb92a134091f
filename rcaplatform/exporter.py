"""Composition: /metrics of a node on which no web server runs, for whoever scrapes its workers (PORT 9464)."""

import os
import threading

from prometheus_client import CollectorRegistry, start_http_server

from rcaplatform.kit import figures

PORT = 9464  # as exporters of OpenTelemetry have it


def serve(port: int) -> int:
    """Answer from now on in a thread; return the port, which is another than asked for where that is 0."""
    figures.share()
    registry = CollectorRegistry()
    registry.register(figures.Counted())
    server, _ = start_http_server(port, registry=registry)
    return int(server.server_port)


if __name__ == "__main__":
    serve(int(os.environ.get("EXPORTER_PORT") or PORT))
    threading.Event().wait()
