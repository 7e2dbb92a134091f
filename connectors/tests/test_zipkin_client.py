"""The real exporter of OpenTelemetry for Zipkin tells this server, over a socket, with the token in its address."""

from typing import Any

import pytest
from opentelemetry.exporter.zipkin.json import ZipkinExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from connectors.models import Delivery
from connectors.tests.factories import ConnectorFactory
from rcaplatform.kit.sealing import seal

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("end", ["", "/api/v2/spans"])
@pytest.mark.parametrize(("password", "kept"), [("right", 1), ("wrong", 0)])
def test_the_token_in_the_address_of_an_exporter_lets_it_in(
    live_server: Any, password: str, kept: int, end: str
) -> None:
    ConnectorFactory(name="shop", kind="zipkin", config={}, secrets=seal({"token": "right"}))
    address = live_server.url.replace("http://", f"http://any:{password}@")
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(ZipkinExporter(endpoint=f"{address}/hooks/shop{end}")))
    with provider.get_tracer("shop").start_as_current_span("pay"):
        pass
    provider.shutdown()
    assert Delivery.objects.count() == kept
