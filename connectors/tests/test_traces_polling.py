"""Servers of traces are asked over HTTP, and exporters are listened to."""

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Call, Record
from connectors.errors import Forged, Misconfigured
from connectors.pipeline import digest
from connectors.sources.datadog_traces import DatadogTraces, DatadogTracesConfig
from connectors.sources.jaeger import Jaeger, JaegerConfig
from connectors.sources.tempo import Tempo, TempoConfig
from connectors.sources.zipkin import Zipkin, ZipkinConfig
from connectors.tests.factories import ConnectorFactory
from connectors.windows import Overfull
from events.models import Dependency
from tests.shared import payloads

NOW = datetime(2026, 11, 26, tzinfo=UTC)
LIVE = "recorded-from-live-servers"


@contextmanager
def peer(answers: dict[str, Any]) -> Iterator[str]:
    """Serve each answer under its path, and 404 elsewhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path.partition("?")[0])
            body = found if isinstance(found, bytes) else json.dumps(found).encode()
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


def test_a_server_that_answers_with_its_page_is_asked_by_the_old_api() -> None:
    with peer({**VICTORIA, "/api/v3/services": b"<!doctype html><html></html>"}) as url:
        assert list(jaeger(url).fetch(NOW - timedelta(hours=1), NOW))


def test_services_beyond_those_asked_are_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sources.jaeger.MAX_SERVICES", 1)
    with peer({**VICTORIA, "/api/services": {"data": ["checkout", "payments", "stock"]}}) as url:
        (page,) = jaeger(url).read_between(NOW - timedelta(minutes=1), NOW)
    assert [gap.reason for gap in page.gaps] == [
        "2 services were not asked: it names more than 1; set those that count."
    ]


def test_what_was_learned_is_not_learned_again_where_windows_overlap() -> None:
    with peer(VICTORIA) as url:
        *_, page = jaeger(url).read({})
        *_, again = jaeger(url).read({**page.cursor})
    assert again.cursor["usual"] == page.cursor["usual"]


def test_as_many_traces_as_were_asked_for_may_not_be_all() -> None:
    with peer(VICTORIA) as url, pytest.raises(Overfull):
        jaeger(url, limit=len(VICTORIA["/api/traces"]["data"])).fetch(NOW - timedelta(hours=1), NOW)


def test_the_new_api_is_asked_first_and_its_traces_are_taken_apart() -> None:
    found = read_json("jaeger", "jaegertracing", "apiv3_snapshots", "FindTraces.json")
    with peer({"/api/v3/services": {"services": ["foo"]}, "/api/v3/traces": found}) as url:
        (record,) = jaeger(url).fetch(NOW - timedelta(hours=1), NOW)
    assert (record.kind, record.reference) == ("otlp", f"{1:032x}")


def test_all_spans_of_a_time_are_told_for_an_incident_well_or_not() -> None:
    with peer(VICTORIA) as url:
        source = jaeger(url)
        spans = list(source.observe(NOW - timedelta(minutes=20), NOW))
        records = list(source.fetch(NOW - timedelta(hours=1), NOW))
    told = [span for record in records for span in source._read(record).spans if span.service]
    assert told
    # Each half of the time is asked for, and this server answers both with the same traces.
    assert [one.span_id for one in spans] == 2 * [one.span_id for one in told]
    assert {(one.trace_id, one.service) for one in spans} == {(one.trace_id, one.service) for one in told}
    assert [one.milliseconds for one in spans] == 2 * [one.milliseconds for one in told]


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


def test_tempo_fetches_no_trace_where_it_finds_too_many() -> None:
    with peer({"/api/search": {"traces": [{"traceID": "a"}, {"traceID": "b"}]}}) as url, pytest.raises(Overfull):
        Tempo(TempoConfig(url=url, limit=2), workspace=Path(), now=NOW).fetch(NOW - timedelta(hours=1), NOW)


def zipkin(**settings: Any) -> Zipkin:
    return Zipkin(ZipkinConfig(**settings), workspace=Path(), now=NOW)


def test_zipkin_is_asked_for_traces() -> None:
    with peer({"/api/v2/traces": [read_json("zipkin", "openzipkin", "skew.json")]}) as url:
        assert len(list(zipkin(url=url).fetch(NOW - timedelta(hours=1), NOW))) == 1


def test_spans_sent_without_the_token_are_refused() -> None:
    with pytest.raises(Forged):
        zipkin(token="right").verify({"authorization": "Bearer wrong"}, b"[]")


@pytest.mark.parametrize("given", ["Bearer right", "Basic " + b64encode(b"anybody:right").decode()])
def test_the_token_is_taken_as_bearer_or_as_password(given: str) -> None:
    assert zipkin(token="right").verify({"authorization": given}, b"[]").event == "zipkin"


@pytest.mark.parametrize("given", ["Basic " + b64encode(b"right:wrong").decode(), "Basic %", "Basic /w==", "right"])
def test_a_password_that_is_not_the_token_is_refused(given: str) -> None:
    with pytest.raises(Forged):
        zipkin(token="right").verify({"authorization": given}, b"[]")


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


@pytest.mark.django_db
def test_a_page_and_the_calls_in_it_are_stored_once_together() -> None:
    connector = ConnectorFactory(kind="jaeger", config={"url": "http://jaeger.test"})
    record = Record.of("trace", "jaeger", VICTORIA["/api/traces"]["data"][0])
    for _ in range(2):
        digest(connector=connector, source=jaeger("http://jaeger.test"), records=[record], now=NOW)
    (edge,) = Dependency.objects.all()
    assert (edge.caller, edge.callee, edge.calls) == ("checkout", "payments", 1)
