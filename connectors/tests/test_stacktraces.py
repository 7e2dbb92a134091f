"""Stack traces in the dialects of common runtimes."""

import time

import pytest

from connectors.sources.stacktraces import MAX_FRAMES, MAX_TEXT, bounded, frames_in, parse

PYTHON = """Traceback (most recent call last):
  File "/srv/cache.py", line 9, in get
    return self.store[key]
KeyError: 'cart'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/views.py", line 12, in post
    charge(cart)
  File "/srv/gateway.py", line 40, in charge
    raise Declined("no answer")
    ~~~~~~~~^^^^^^^^^^^^^^^^^^^
shop.errors.Declined: no answer
"""
JAVA = """java.lang.IllegalStateException: no connection
\tat com.shop.Pay.charge(Pay.java:12) ~[pay.jar:1.0]
\tat java.base/java.lang.Thread.run(Thread.java:829)
\tat jdk.internal.Reflect.invoke(Native Method)
\t... 12 common frames omitted
Caused by: java.io.IOException: refused
\tat com.shop.Net.open(Net.java:7)
"""
THREAD = 'Exception in thread "main" java.lang.OutOfMemoryError: Java heap space\n\tat A.b(A.java:1)'
GO = """panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x1]

goroutine 1 [running]:
main.(*Server).charge(0x0, {0x1, 0x2})
\t/srv/main.go:12 +0x1d
created by main.main in goroutine 1
\t/srv/main.go:5 +0x2
exit status 2"""
ZAP = "main.charge\n\t/srv/main.go:12\nmain.main\n\t/srv/main.go:5"
NODE = """TypeError [ERR_INVALID]: Cannot read properties of undefined (reading 'id')
    at charge (/srv/pay.js:10:5)
    at async Promise.all (index 0)
    at new Cart (file:///srv/cart.mjs:1:2)
    at /srv/main.js:3:4"""
DOTNET = """System.NullReferenceException: Object reference not set
   at Shop.Pay.Charge(Order order) in C:\\src\\Pay.cs:line 42
   at Shop.Main.Run() in /src/Main.cs:line 3
   --- End of stack trace from previous location ---"""
BARE_DOTNET = "System.TimeoutException: late\n   at Shop.Pay.Charge(Order order)\n   at Shop.Main.Run()"
RUBY = "/srv/pay.rb:12:in `charge': undefined method (NoMethodError)\n\tfrom /srv/main.rb:3:in `run'"
PHP = """PHP Fatal error:  Uncaught RuntimeException: declined
Stack trace:
#0 /srv/main.php(12): Shop->charge()
#1 {main}"""
PLAIN = "services/payment/charge.go:118 Charge.read"

TRACES = [
    (PYTHON, "shop.errors.Declined", "no answer", ("/srv/gateway.py", 40, "charge"), 2),
    (JAVA, "java.lang.IllegalStateException", "no connection", ("Pay.java", 12, "com.shop.Pay.charge"), 3),
    (THREAD, "java.lang.OutOfMemoryError", "Java heap space", ("A.java", 1, "A.b"), 1),
    (
        GO,
        "panic",
        "runtime error: invalid memory address or nil pointer dereference",
        ("/srv/main.go", 12, "main.(*Server).charge"),
        2,
    ),
    (ZAP, "", "", ("/srv/main.go", 12, "main.charge"), 2),
    (NODE, "TypeError", "Cannot read properties of undefined (reading 'id')", ("/srv/pay.js", 10, "charge"), 3),
    (DOTNET, "System.NullReferenceException", "Object reference not set", ("C:\\src\\Pay.cs", 42, None), 2),
    (BARE_DOTNET, "System.TimeoutException", "late", ("", None, "Shop.Pay.Charge(Order order)"), 2),
    (RUBY, "", "", ("/srv/pay.rb", 12, "charge"), 2),
    (PHP, "RuntimeException", "declined", ("/srv/main.php", 12, "Shop->charge()"), 1),
    (PLAIN, "", "", ("services/payment/charge.go", 118, "Charge.read"), 1),
]


@pytest.mark.parametrize(("text", "kind", "message", "first", "count"), TRACES)
def test_type_message_and_innermost_frame_are_found(
    text: str, kind: str, message: str, first: tuple[str, int | None, str | None], count: int
) -> None:
    trace = parse(text, certain=True)
    file, line, function = first
    assert (trace.type, trace.message, len(trace.frames)) == (kind, message, count)
    assert (trace.frames[0]["file"], trace.frames[0]["line"]) == (file, line)
    assert function is None or trace.frames[0]["function"] == function


@pytest.mark.parametrize("text", [PYTHON, JAVA, GO, ZAP, NODE, DOTNET, BARE_DOTNET, PHP])
def test_a_trace_is_recognised_in_any_text(text: str) -> None:
    assert parse(f"request failed\n{text}", certain=False).frames


@pytest.mark.parametrize(
    "text", ["started\nat 10:30", "see\n\tlocalhost:8080", "config.yaml:12\nok", "looked at x\nat db.internal:5432", ""]
)
def test_prose_is_no_trace(text: str) -> None:
    trace = parse(text, certain=False)
    assert (trace.type, trace.frames) == ("", [])


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("ValueError: bad", "ValueError", "bad"),
        ("redis.exceptions.ConnectionError: Error 111", "redis.exceptions.ConnectionError", "Error 111"),
        ("panic: no map", "panic", "no map"),
        ("connection refused", "", ""),
        ("dial tcp: lookup bank: no such host", "", ""),
    ],
)
def test_one_line_has_a_type_only_when_it_looks_like_one(text: str, kind: str, message: str) -> None:
    trace = parse(text, certain=True)
    assert (trace.type, trace.message) == (kind, message)


def test_frames_are_bounded_and_the_innermost_are_kept() -> None:
    deep = "Traceback (most recent call last):\n" + "".join(f'  File "a.py", line {n}, in f\n' for n in range(1, 400))
    frames = parse(deep + "RecursionError: too deep", certain=True).frames
    assert [frame["line"] for frame in frames] == list(range(399, 399 - MAX_FRAMES, -1))


def test_a_long_text_keeps_both_ends() -> None:
    text = bounded("a" * MAX_TEXT + "z" * MAX_TEXT)
    assert len(text) < MAX_TEXT + 10
    assert text.startswith("aaa")
    assert text.endswith("zzz")


def test_frames_given_as_objects_are_read_innermost_first() -> None:
    structlog = [{"filename": "outer.py", "lineno": 1, "name": "f"}, {"filename": "inner.py", "lineno": 2, "name": "g"}]
    assert frames_in(structlog)[0] == {"file": "inner.py", "line": 2, "function": "g"}
    log4j = [{"class": "Net", "method": "open", "file": "Net.java", "line": 7}, {"method": "run"}, "nonsense"]
    assert frames_in(log4j) == [
        {"file": "Net.java", "line": 7, "function": "open"},
        {"file": "", "line": None, "function": "run"},
    ]


@pytest.mark.parametrize(
    "evil",
    [
        "at " + "( " * 10_000,
        ("at " + "a in " * 200 + "\n") * 40,
        ("at " + "a (" * 300 + "x:1" * 30 + "\n") * 20,
        "\n" * 20_000,
        ("x" * 300 + "\n ") * 60,
        'File "' * 3_000,
        "a.a" * 7_000,
        "#1 " + "(" * 20_000,
    ],
)
def test_hostile_text_costs_little(evil: str) -> None:
    began = time.perf_counter()
    parse(evil, certain=True)
    assert time.perf_counter() - began < 0.5
