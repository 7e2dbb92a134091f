"""Servers of traces are asked over HTTP, and exporters are listened to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Call
from connectors.errors import Forged, Misconfigured
from connectors.sources.datadog_traces import DatadogTraces, DatadogTracesConfig
from connectors.sources.jaeger import Jaeger, JaegerConfig
from connectors.sources.tempo import Tempo, TempoConfig
from connectors.sources.zipkin import Zipkin, ZipkinConfig
from connectors.windows import Overfull
from tests.shared import payloads

NOW = datetime(2026, 11, 26, tzinfo=UTC)
LIVE = "recorded-from-live-servers"


@contextmanager
def peer(answers: dict[str, Any]) -> Iterator[str]:
    """Serve each answer under its path, and 404 elsewhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path.partition("?")[0])
            body = json.dumps(found).encode()
            self.send_response(200 if found is not None else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def read_json(*parts: str) -> Any:
    return json.loads(payloads(*parts).read_bytes())


def jaeger(url: str, **more: Any) -> Jaeger:
    return Jaeger(JaegerConfig(url=url, **more), workspace=Path(), now=NOW)


VICTORIA = {
    "/api/services": {"data": ["checkout"]},
    "/api/traces": read_json(LIVE, "victoria-traces-jaeger", "traces.json"),
}


def test_a_server_without_the_new_api_is_asked_by_the_old_one() -> None:
    with peer(VICTORIA) as url:
        records = list(jaeger(url).fetch(NOW - timedelta(hours=1), NOW))
    assert {record.kind for record in records} == {"jaeger"}
    assert len(records) == len(VICTORIA["/api/traces"]["data"])


def test_as_many_traces_as_were_asked_for_may_not_be_all() -> None:
    with peer(VICTORIA) as url, pytest.raises(Overfull):
        jaeger(url, limit=len(VICTORIA["/api/traces"]["data"])).fetch(NOW - timedelta(hours=1), NOW)


def test_the_new_api_is_asked_first_and_its_traces_are_taken_apart() -> None:
    found = read_json("jaeger", "jaegertracing", "apiv3_snapshots", "FindTraces.json")
    with peer({"/api/v3/services": {"services": ["foo"]}, "/api/v3/traces": found}) as url:
        (record,) = jaeger(url).fetch(NOW - timedelta(hours=1), NOW)
    assert (record.kind, record.reference) == ("otlp", f"{1:032x}")


def test_what_is_usual_is_kept_in_the_cursor() -> None:
    with peer(VICTORIA) as url:
        pages = list(jaeger(url).read({}))
    assert "checkout\tPOST /checkout" in pages[-1].cursor["usual"]


def test_tempo_is_searched_and_each_trace_fetched() -> None:
    search = read_json(LIVE, "tempo-3.0.3", "search_error.json")
    trace = read_json(LIVE, "tempo-3.0.3", "trace_v2.json")
    paths = {f"/api/v2/traces/{one['traceID'].zfill(32)}": trace for one in search["traces"]}
    with peer({"/api/search": search, **paths}) as url:
        tempo = Tempo(TempoConfig(url=url, trace_page="https://g/{x}/{trace}"), workspace=Path(), now=NOW)
        drafts = list(tempo.decode(next(iter(tempo.fetch(NOW - timedelta(hours=1), NOW)))))
    assert drafts[0].url.startswith("https://g/{x}/")


def zipkin(**settings: Any) -> Zipkin:
    return Zipkin(ZipkinConfig(**settings), workspace=Path(), now=NOW)


def test_zipkin_is_asked_for_traces() -> None:
    with peer({"/api/v2/traces": [read_json("zipkin", "openzipkin", "skew.json")]}) as url:
        assert len(list(zipkin(url=url).fetch(NOW - timedelta(hours=1), NOW))) == 1


def test_spans_sent_without_the_token_are_refused() -> None:
    with pytest.raises(Forged):
        zipkin(token="right").verify({"authorization": "Bearer wrong"}, b"[]")


def test_spans_are_refused_where_no_token_is_set() -> None:
    with pytest.raises(Forged):
        zipkin(url="http://z").verify({"authorization": "Bearer "}, b"[]")


def test_sent_spans_are_taken_apart_by_trace() -> None:
    body = json.dumps([{"traceId": "a"}, {"traceId": "b"}, {"traceId": "a"}]).encode()
    assert [len(spans) for _, spans in zipkin(token="t").unpack(Call("zipkin", {}, body))] == [2, 1]


def test_zipkin_needs_an_address_or_a_token() -> None:
    with pytest.raises(Misconfigured) as caught:
        zipkin()
    assert set(caught.value.fields) == {"url"}


def test_spans_that_datadog_finds_are_put_together_by_trace() -> None:
    name = "v2_test_search_spans_returns_ok_response.json"
    (call,) = read_json("datadog", "recorded-api-client", name)
    body = {"data": call["response"]["body"]["data"]}
    with peer({"/api/v2/spans/events/search": body}) as url:
        config = DatadogTracesConfig(url=url, api_key="a", application_key="b")
        source = DatadogTraces(config, workspace=Path(), now=NOW)
        records = list(source.fetch(NOW - timedelta(hours=1), NOW))
    assert len(records) == len({span["attributes"]["trace_id"] for span in body["data"]})
