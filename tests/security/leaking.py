"""Secrets that are told apart, fed to a whole running product by every door; and all the places it writes to."""

import base64
import os
import subprocess
import sys
import tarfile
import textwrap
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import httpx
import psycopg
from redis import Redis

from connectors.tests.peers import Asked, Peer, Reply
from connectors.tests.realpeers import free_port
from rcaplatform.embedded import database_url, redis_url
from tests.products import ROOT, Product

MARKER = "marKer5e5b"  # no secret: what shows that a place is looked at at all
NAMES = (
    "password wrong_password password_in_500 api_key token basic cookie query search_query bad_signature "
    "wrong_hook_secret hook_secret bearer_refused bearer_401 bearer_500 basic_401 basic_500 header_key "
    "git_token git_url userinfo email_url otlp_header slack_address webhook_secret database_url redis_url "
    "broken_database_url secret_key task_failure unsubscribe new_key own_token"
).split()
CANARIES = {name: f"qZ{number:02}{name.replace('_', '')[:6]}xW7" for number, name in enumerate(NAMES)}


def forms(word: str) -> list[bytes]:
    """Return a word as places may hold it: as it is, in hexadecimal, and in base64 wherever it begins."""
    plain = word.encode()
    shifted = [base64.b64encode(b"\0" * lead + plain)[4 if lead else 0 : -4] for lead in range(3)]
    return [plain, plain.hex().encode(), *shifted]


def leaks(content: bytes, words: Mapping[str, str] = CANARIES) -> list[str]:
    """Return the names of the words that a place holds in any form."""
    return [name for name, word in words.items() if any(form in content for form in forms(word))]


def echo(asked: Asked) -> Reply:
    """Refuse, and repeat the credentials that were sent, as a careless source does."""
    kept = [f"{name}: {value}" for name, value in asked.headers.items() if name in {"authorization", "x-api-key"}]
    return Reply("; ".join([f"no {MARKER}", *kept]), status=int(asked.path.strip("/").split("/")[0]))


class Leaky:
    """A product that runs, with tracing on and a mail server that is away, and everything it answered."""

    def __init__(self, product: Product, traces: str) -> None:
        self.product = product
        self.token = self.new_key = ""
        self.signed: dict[str, str] = {}
        self.answers: list[bytes] = []
        self.outputs: list[bytes] = []
        product.start(
            OTEL_EXPORTER_OTLP_ENDPOINT=traces,
            OTEL_EXPORTER_OTLP_HEADERS=f"x-key={CANARIES['otlp_header']}",
            OTEL_BSP_SCHEDULE_DELAY="200",
            DEMO_PASSWORD=CANARIES["password"],
            SECRET_KEY=f"{CANARIES['secret_key']}{'0123456789' * 5}",
            EMAIL_URL=f"smtp://mailer:{CANARIES['email_url']}@127.0.0.1:{free_port()}",
            RATE_LIMIT_SIGN_IN="1000",
            RATE_LIMIT_ANONYMOUS="1000",
            RATE_LIMIT_ADMIN="1000",
        )
        self.web = httpx.Client(base_url=f"http://127.0.0.1:{product.port}", timeout=30)
        self.database = psycopg.connect(
            database_url(product.data_dir).replace("postgres://", "postgresql://", 1), autocommit=True
        )
        self.redis = Redis.from_url(redis_url(product.data_dir))

    def close(self) -> None:
        """Let go of what was opened."""
        self.web.close()
        self.database.close()
        self.redis.close()

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Send a request, keep what was answered, and return it."""
        answer = self.web.request(method, path, **given)
        self.answers.append(str(answer.headers).encode() + answer.content)
        return answer

    def command(self, *words: str, **variables: str) -> bytes:
        """Run a command of the product, keep what it said, and return it."""
        environment = os.environ | {"DATABASE_URL": "", "REDIS_URL": "", "RCA_DATA_DIR": str(self.product.data_dir)}
        done: subprocess.CompletedProcess[bytes] = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT, env=environment | {"SECRET_KEY": f"{CANARIES['secret_key']}{'0123456789' * 5}"} | variables,
            capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        self.outputs.append(done.stdout + done.stderr)
        return done.stdout + done.stderr

    def sign_in(self) -> None:
        """Sign in as an administrator; the token is a secret like any other from here on."""
        with self.database.cursor() as cursor:
            cursor.execute("UPDATE accounts_user SET email = 'admin@canary.example' WHERE username = 'admin'")
        said = self.web.post("/api/v1/auth/token", json={"username": "admin", "password": CANARIES["password"]}).json()
        self.token = said["access"]
        self.signed = {"Authorization": f"Bearer {self.token}"}


def by_credentials(leaky: Leaky) -> None:
    """Bring wrong credentials of every kind, to the API and to pages."""
    wrong, ask = CANARIES["wrong_password"], leaky.ask
    for name in ("admin", "nobody"):
        ask("POST", "/api/v1/auth/token", json={"username": name, "password": wrong})
    ask("POST", "/api/v1/auth/token", json={"username": "admin", "password": [wrong]})
    ask("POST", "/api/v1/auth/token", content=f'{{"username": "admin", "password": "{wrong}"')
    page = leaky.web.get("/sign-in")
    form = {"username": "admin", "password": wrong, "csrfmiddlewaretoken": page.cookies.get("csrftoken", "")}
    ask("POST", "/sign-in", data=form)
    ask("POST", "/sign-in", data={"username": "admin", "password": wrong})  # without the token against forgery
    leaky.web.cookies.clear()
    ask("GET", "/api/v1/me", headers={"Authorization": f"Bearer rca_{CANARIES['api_key']}0123456789abcdef"})
    ask("GET", "/api/v1/me", headers={"Authorization": f"Bearer eyJhbGciOiJSUzI1NiJ9.{CANARIES['token']}.x"})
    basic = base64.b64encode(f"admin:{CANARIES['basic']}".encode()).decode()
    ask("GET", "/api/v1/me", headers={"Authorization": f"Basic {basic}"})
    ask("GET", "/investigations/", headers={"Cookie": f"sessionid={CANARIES['cookie']}"})
    ask("POST", "/api/v1/auth/token/refresh", json={"refresh": CANARIES["token"]})
    ask("POST", "/api/v1/auth/token/verify", json={"token": CANARIES["token"]})
    ask("GET", f"/unsubscribe/{CANARIES['unsubscribe']}:{MARKER}")


def by_addresses(leaky: Leaky) -> None:
    """Put secrets into query strings, also of pages that are not there and of requests that are refused."""
    query, signed = CANARIES["query"], leaky.signed
    for path in (
        "/api/v1/events",
        f"/nowhere/{MARKER}",
        "/healthz",
        "/hooks/nobody",
        "/investigations/",
        "/api/v1/schema",
    ):
        leaky.ask("GET", f"{path}?token={query}", headers={**signed, "Referer": f"https://a.example/?token={query}"})
    leaky.ask("GET", f"/api/v1/search?q={CANARIES['search_query']}", headers=signed)
    leaky.ask("GET", f"/api/v1/events?api_key={query}&start=x", headers=signed)


SCRIPT = """
from datetime import timedelta
from django.utils import timezone
from accounts.models import User
from connectors import services
from connectors.models import Connector
now, admin = timezone.now(), User.objects.get(username="admin")
for name, kind, values in {rows!r}:
    try:
        services.connect(name=name, kind=kind, values=values, actor=admin, now=now, interval=5)
    except Exception as problem:
        print(name, type(problem).__name__, problem, getattr(problem, "fields", ""))
"""


def by_sources(leaky: Leaky, peer: Peer) -> None:
    """Connect sources whose polls fail in every way, and tell webhooks what is not signed as it should be."""
    bearer = {name: CANARIES[f"bearer_{name}"] for name in ("refused", "401", "500")}
    away = f"http://127.0.0.1:{free_port()}"
    basic = [{"user": "rca", "password": CANARIES[f"basic_{status}"]} for status in (401, 500)]
    rows = [
        ("refused", "prometheus", {"url": away, "token": bearer["refused"]}),
        ("told401", "prometheus", {"url": f"{peer.url}/401", "token": bearer["401"]}),
        ("told500", "prometheus", {"url": f"{peer.url}/500", "token": bearer["500"]}),
        ("basic401", "loki", {"url": f"{peer.url}/401", "query": "{a=`b`}", **basic[0]}),
        ("basic500", "prometheus", {"url": f"{peer.url}/500", **basic[1]}),
        ("header500", "elasticsearch", {"url": f"{peer.url}/500", "index": "x", "api_key": CANARIES["header_key"]}),
        ("userinfo", "prometheus", {"url": f"http://rca:{CANARIES['userinfo']}@127.0.0.1:{peer.port}"}),
        ("cloned", "git", {"url": f"{peer.url}/401/x.git", "token": CANARIES["git_token"]}),
        ("cloned-by-url", "git", {"url": f"http://rca:{CANARIES['git_url']}@127.0.0.1:{peer.port}/401/y.git"}),
        ("hook", "webhook", {"secret": CANARIES["hook_secret"]}),
        ("forge", "github", {"secret": CANARIES["hook_secret"]}),
    ]
    leaky.command("shell", "-c", SCRIPT.format(rows=rows))
    for name in ("hook", "forge"):
        wrong = {
            "Authorization": f"Bearer {CANARIES['wrong_hook_secret']}",
            "X-Hub-Signature-256": f"sha256={CANARIES['bad_signature']}",
            "X-Webhook-Secret": CANARIES["wrong_hook_secret"],
        }
        leaky.ask(
            "POST", f"/hooks/{name}", headers=wrong, json={"title": MARKER, "token": CANARIES["wrong_hook_secret"]}
        )
    carried = {"Authorization": f"Bearer {CANARIES['hook_secret']}"}
    leaky.ask(
        "POST", "/hooks/hook", headers=carried, json={"title": f"Told {MARKER}", "timestamp": "2026-03-01T12:00:00Z"}
    )
    leaky.ask("POST", "/hooks/hook", headers=carried, content=b"[[[")  # a dead letter


def by_notifications(leaky: Leaky) -> None:
    """Have messages sent by ways that fail."""
    leaky.ask("PATCH", "/api/v1/notifications/preferences", headers=leaky.signed, json={
        "webhook_url": f"http://127.0.0.1:{free_port()}/hook",
        "webhook_secret": CANARIES["webhook_secret"],
        "slack_url": f"http://127.0.0.1:{free_port()}/services/{CANARIES['slack_address']}",
    })  # fmt: skip
    for channel in ("email", "webhook", "slack"):
        leaky.ask("POST", "/api/v1/notifications/test", headers=leaky.signed, json={"channel": channel})

    def tried() -> bool:
        with leaky.database.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM accounts_notificationdelivery WHERE error <> ''")
            return int((cursor.fetchone() or (0,))[0]) >= 3

    leaky.product.until(tried)


def by_faults(leaky: Leaky) -> None:
    """Break the product in the middle of a sign-in, of a page and of a task."""
    with leaky.database.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_user RENAME TO accounts_user_away")
        try:
            said = {"username": "admin", "password": CANARIES["password_in_500"]}
            broken = leaky.ask("POST", "/api/v1/auth/token", json=said)
            page = leaky.ask("POST", "/sign-in", data=said)
            admin = leaky.ask("GET", "/admin/", headers={"Accept": "text/html"})
        finally:
            cursor.execute("ALTER TABLE accounts_user_away RENAME TO accounts_user")
    assert broken.status_code == 500, broken.text
    leaky.answers += [page.content, admin.content]
    address = f"https://rca:{CANARIES['task_failure']}@host.example"
    task = f"""
        from rcaplatform.celery import app
        app.send_task("connectors.poll", args=["{address}"])
        app.send_task("connectors.poll", kwargs={{"password": "{address}"}})
    """
    leaky.command("shell", "-c", textwrap.dedent(task))


def by_the_command_line(leaky: Leaky) -> None:
    """Start commands with addresses that hold passwords, of servers that are away and of none at all."""
    away = free_port()
    leaky.command("preflight", DATABASE_URL=f"postgres://rca:{CANARIES['database_url']}@127.0.0.1:{away}/rca")
    leaky.command("preflight", REDIS_URL=f"redis://:{CANARIES['redis_url']}@127.0.0.1:{away}/0")
    leaky.command("preflight", DATABASE_URL=f"postgres://rca:{CANARIES['broken_database_url']}@[bad:x/rca")
    leaky.command("preflight", REDIS_URL=f"redis://:{CANARIES['redis_url']}@[bad:x/0")
    leaky.command("preflight", EMAIL_URL=f"nothing://a:{CANARIES['email_url']}@127.0.0.1:1")
    leaky.command("audit", "export")
    leaky.command("person", "export", "admin")


def by_reading(leaky: Leaky) -> None:
    """Make a case of the marker, and read everything that can be read of it and of the connectors."""
    ask, signed = leaky.ask, leaky.signed
    new = ask("POST", "/api/v1/api-keys", headers=signed, json={"name": MARKER, "scope": "read"})
    leaky.new_key = new.json()["key"]
    leaky.answers.pop()  # it is shown this once
    ask("GET", "/api/v1/me", headers={"Authorization": f"Bearer {leaky.new_key}"})
    case = ask(
        "POST", "/api/v1/investigations", headers=signed, json={"title": MARKER, "detected_at": "2026-03-01T09:14:00Z"}
    ).json()["id"]
    for path in (
        *(
            "/api/v1/connectors/status",
            "/api/v1/connectors/cloned/status",
            "/api/v1/admin/dlq",
            "/api/v1/admin/dlq/export",
        ),
        *(
            "/api/v1/admin/audit",
            "/api/v1/admin/audit/export",
            "/api/v1/me/export",
            "/api/v1/api-keys",
            "/api/v1/notifications",
        ),
        *(
            "/api/v1/notifications/preferences",
            "/api/v1/admin/circuit-breaker-status",
            "/metrics",
            "/readyz",
            "/healthz",
        ),
        *(f"/api/v1/investigations/{case}/export?format={kind}" for kind in ("json", "markdown", "pdf")),
        *("/api/v1/admin/tokens/revoked", "/api/v1/schema", "/api/v1/events?format=json"),
    ):
        answer = ask("GET", path, headers=signed)
        assert answer.status_code in {200, 503}, (path, answer.text)
        leaky.answers += [zlib.decompress(part) for part in streams(answer.content)] if "pdf" in path else []


def in_a_browser(leaky: Leaky) -> None:
    """Look at the pages and the admin as an administrator who signed in with a password."""
    web = leaky.web
    page = web.get("/sign-in")
    form = {"username": "admin", "password": CANARIES["password"], "csrfmiddlewaretoken": page.cookies["csrftoken"]}
    assert leaky.ask("POST", "/sign-in", data=form).status_code == 302
    rows = [("connectors", "connector"), ("connectors", "deadletter"), ("connectors", "delivery"), ("accounts", "user")]
    rows += [("accounts", "auditentry"), ("accounts", "apikey"), ("accounts", "notificationdelivery")]
    for app, model in rows:
        listed = leaky.ask("GET", f"/admin/{app}/{model}/")
        with leaky.database.cursor() as cursor:
            cursor.execute(f"SELECT id FROM {app}_{model}")  # noqa: S608 - the names above
            for (key,) in cursor.fetchall()[:20]:
                leaky.ask("GET", f"/admin/{app}/{model}/{key}/change/")
        assert listed.status_code == 200
    for path in ("/connectors/", "/events/", "/investigations/", "/notifications/", "/notifications/preferences"):
        leaky.ask("GET", path)
    web.cookies.clear()


def streams(content: bytes) -> Iterator[bytes]:
    """Yield the compressed streams of a PDF."""
    for part in content.split(b"stream\n")[1:]:
        data = part.split(b"\nendstream")[0]
        with suppress(zlib.error):
            zlib.decompress(data)
            yield data


def failed(leaky: Leaky) -> int:
    """Return how many connectors have a failure to tell of."""
    with leaky.database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM connectors_connector WHERE last_error <> ''")
        return int((cursor.fetchone() or (0,))[0])


def in_database(leaky: Leaky) -> bytes:
    """Return every row of every table; what is sealed is there as it is kept."""
    with leaky.database.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        rows = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608 - its own names
            rows += [row.encode() for (row,) in cursor.fetchall()]
    return b"\n".join(rows)


def in_redis(leaky: Leaky) -> bytes:
    """Return every key with its value, whatever its type."""
    return b"\n".join(key + repr(value_of(leaky.redis, key)).encode() for key in leaky.redis.scan_iter(count=1_000))


def value_of(redis: Any, key: bytes) -> Any:
    """Return what is kept under a key."""
    readers: dict[bytes, Callable[[], Any]] = {
        b"string": lambda: redis.get(key),
        b"hash": lambda: redis.hgetall(key),
        b"list": lambda: redis.lrange(key, 0, -1),
        b"set": lambda: redis.smembers(key),
        b"zset": lambda: redis.zrange(key, 0, -1, withscores=True),
        b"stream": lambda: redis.xrange(key),
        b"none": lambda: None,
    }
    return readers[redis.type(key)]()


def in_files(leaky: Leaky) -> bytes:
    """Return every file below the data directory but keys and the databases' own, with its path."""
    root = leaky.product.data_dir
    theirs = {"keys", "postgres", "redis"}
    files = [path for path in root.rglob("*") if path.is_file() and path.relative_to(root).parts[0] not in theirs]
    logs = [path for path in root.rglob("*.log") if path.is_file()]
    return b"\n".join(str(path).encode() + b"\n" + path.read_bytes() for path in {*files, *logs})


def in_backup(leaky: Leaky) -> bytes:
    """Return what a backup says it holds, and the names of all in it; the keys and the dump are secrets by design."""
    file = leaky.product.data_dir.parent / "saved.tar"
    said = leaky.command("backup", str(file))
    assert file.stat().st_mode & 0o077 == 0, "nobody else reads it"
    with tarfile.open(file) as saved, saved.extractfile("manifest.json") as manifest:  # type: ignore[union-attr]
        return said + "\n".join(saved.getnames()).encode() + manifest.read()
