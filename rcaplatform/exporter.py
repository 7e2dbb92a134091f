"""Composition: /metrics of a node on which workers run and no web server: what they counted, at port 9464."""

import sys
import threading

from prometheus_client import CollectorRegistry, start_http_server

from rcaplatform.kit import figures

PORT = 9464  # as exporters of OpenTelemetry have it


def main(port: int = PORT) -> None:
    """Answer until the process is ended."""
    registry = CollectorRegistry()
    registry.register(figures.Counted())
    start_http_server(port, registry=registry)
    threading.Event().wait()


if __name__ == "__main__":
    figures.share()
    main(*map(int, sys.argv[1:2]))
