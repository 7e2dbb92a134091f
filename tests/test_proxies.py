"""deploy/proxy: a real nginx and a real Caddy before the real product, asked as people, senders and attackers ask."""

import http.client
import ipaddress
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings

from connectors.tests.realpeers import program
from tests.products import Product

pytestmark = pytest.mark.slow
PROXY = Path(__file__).resolve().parent.parent / "deploy" / "proxy"
PASSWORD = "behind-a-proxy"
SECRET = "0123456789abcdef-of-the-webhook"
MIB = 2**20
ATTEMPTS = 8
# The product serves whom the proxies let in; nginx's own folders, for a user who may not write to /var.
MAIN = """
daemon off; pid {folder}/pid; error_log {folder}/errors;{user}
events {{}}
http {{
    include /etc/nginx/mime.types; access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    include {folder}/rca.conf;
}}
"""


@dataclass(frozen=True, slots=True)
class Front:
    """A proxy that runs, and how to reach it."""

    name: str
    plain: int
    port: int
    trust: ssl.SSLContext

    @property
    def url(self) -> str:
        """Where people go."""
        return f"https://localhost:{self.port}"

    def client(self) -> httpx.Client:
        """Return a browser of somebody."""
        return httpx.Client(base_url=self.url, verify=self.trust, timeout=30, headers={"Referer": self.url})

    def raw(self, path: str) -> int:
        """Return how a path is answered that no client would send as it is."""
        asking = http.client.HTTPSConnection("localhost", self.port, context=self.trust, timeout=10)
        asking.putrequest("GET", path)
        asking.endheaders()
        try:
            return asking.getresponse().status
        finally:
            asking.close()


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for this machine that nobody but its own file vouches for."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=localhost")
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "fullchain.pem", folder / "privkey.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return chain, private


def nginx(folder: Path, product: Product, plain: int, port: int) -> list[str]:
    """Return the command of an nginx with the shipped file, whose names and addresses are replaced."""
    text = (PROXY / "nginx.conf").read_text()
    for shipped, here in {
        "rca.example.org": "localhost",
        "listen 80": f"listen 127.0.0.1:{plain}",
        "listen 443": f"listen 127.0.0.1:{port}",
        "/etc/nginx/tls": str(folder),
        "server 127.0.0.1:8000": f"server 127.0.0.1:{product.port}",
    }.items():
        assert shipped in text
        text = text.replace(shipped, here)
    (folder / "rca.conf").write_text(text)
    main = folder / "nginx.conf"
    main.write_text(MAIN.format(folder=folder, user=" user root;"))
    return [program("nginx"), "-c", str(main), "-e", str(folder / "errors")]


def caddy(folder: Path, product: Product, plain: int, port: int) -> list[str]:
    """Return the command of a Caddy with the shipped file, told of this machine by its variables."""
    told = {
        "SITE_HOST": "localhost",
        "UPSTREAM": f"127.0.0.1:{product.port}",
        "HTTP_PORT": str(plain),
        "HTTPS_PORT": str(port),
        "TLS_FILES": f"{folder}/fullchain.pem {folder}/privkey.pem",
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    variables = [f"{name}={value}" for name, value in told.items()]
    return ["env", *variables, program("caddy"), "run", "--config", str(PROXY / "Caddyfile"), "--adapter", "caddyfile"]


PROXIES = {"nginx": nginx, "caddy": caddy}


@contextmanager
def standing(command: list[str], port: int, log: Path) -> Iterator[None]:
    """Run a proxy for as long as the block lasts, once it takes connections."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 20
        while not _listens(port):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()  # noqa: PT018 - one state
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def two_ports() -> tuple[int, int]:
    """Return two ports that are free."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


@pytest.fixture(scope="module")
def fronts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Front]]:
    """One product, and each proxy in front of it."""
    for name in PROXIES:
        program(name)
    product = Product(tmp_path_factory.mktemp("behind") / "var")
    ports = {name: two_ports() for name in PROXIES}
    with ExitStack() as stack:
        stack.callback(product.end)
        product.start(
            SITE_URL=f"https://localhost:{ports['nginx'][1]}", PROXIES="1", DEMO_PASSWORD=PASSWORD,
            RATE_LIMIT_SIGN_IN=str(ATTEMPTS), RATE_LIMIT_ANONYMOUS="0", RATE_LIMIT_ENGINEER="0",
        )  # fmt: skip
        product.manage("connect", "webhook", "hook", "--secret", SECRET)
        made = {}
        for name, command in PROXIES.items():
            folder = tmp_path_factory.mktemp(name)
            trust = ssl.create_default_context(cafile=str(certificate(folder)[0]))
            told = command(folder, product, *ports[name])
            stack.enter_context(standing(told, ports[name][1], folder / "log"))
            made[name] = Front(name, *ports[name], trust)
        yield made


@pytest.fixture(params=list(PROXIES))
def front(request: pytest.FixtureRequest, fronts: dict[str, Front]) -> Front:
    """Each proxy in turn."""
    return fronts[request.param]


def signed_in(front: Front, client: httpx.Client) -> httpx.Response:
    """Sign in at the page, as a person does."""
    page = client.get("/sign-in")
    (token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text))
    form = {"username": "engineer", "password": PASSWORD, "csrfmiddlewaretoken": token}
    return client.post("/sign-in", data=form, headers={"Origin": front.url})


@pytest.mark.parametrize(("newest", "welcome"), [(ssl.TLSVersion.TLSv1_2, False), (ssl.TLSVersion.TLSv1_3, True)])
def test_nothing_older_than_tls_1_3_is_spoken(front: Front, newest: ssl.TLSVersion, *, welcome: bool) -> None:
    front.trust.maximum_version = newest
    try:
        with socket.create_connection(("127.0.0.1", front.port)) as plain:
            try:
                with front.trust.wrap_socket(plain, server_hostname="localhost") as secured:
                    spoken = secured.version()
            except ssl.SSLError:
                spoken = None
    finally:
        front.trust.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
    assert spoken == ("TLSv1.3" if welcome else None)


def test_who_asks_for_another_name_is_not_served(front: Front) -> None:
    with socket.create_connection(("127.0.0.1", front.port)) as plain, pytest.raises(ssl.SSLError):
        front.trust.wrap_socket(plain, server_hostname="elsewhere.example")


def test_plain_http_leads_to_https(front: Front) -> None:
    answer = httpx.post(f"http://localhost:{front.plain}/hooks/hook?a=b", trust_env=False)
    assert answer.status_code == 308
    assert re.fullmatch(r"https://localhost(:\d+)?/hooks/hook\?a=b", answer.headers["Location"])


def test_a_person_signs_in_and_the_browser_is_told_to_keep_it_safe(front: Front) -> None:
    with front.client() as client:
        answer = signed_in(front, client)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/investigations/")
        cookies = answer.headers.get_list("Set-Cookie")
        assert len(cookies) == 2
        assert all("; Secure" in cookie and "; SameSite=Lax" in cookie for cookie in cookies)
        page = client.get("/investigations/")
        assert page.status_code == 200
        for once, value in {
            "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
            "X-Frame-Options": "DENY",
            "X-Content-Type-Options": "nosniff",
        }.items():
            assert page.headers.get_list(once) == [value]
        (policy,) = page.headers.get_list("Content-Security-Policy")
        assert "unsafe" not in policy


def test_a_form_of_another_site_is_refused(front: Front) -> None:
    with front.client() as client:
        client.get("/sign-in")
        form = {"csrfmiddlewaretoken": client.cookies["csrftoken"]}
        assert client.post("/sign-in", data=form, headers={"Origin": "https://elsewhere.example"}).status_code == 403


def test_a_forged_address_earns_no_further_attempt(front: Front) -> None:
    with front.client() as client:
        guess = {"username": f"guessed-{front.name}", "password": "wrong"}
        statuses = []
        for number in range(ATTEMPTS + 1):
            forged = {"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"}
            statuses.append(client.post("/api/v1/auth/token", json=guess, headers=forged).status_code)
    assert statuses == [401] * ATTEMPTS + [429]


def test_a_forged_scheme_does_not_pass_for_another(front: Front) -> None:
    with front.client() as client:
        assert client.get("/sign-in", headers={"X-Forwarded-Proto": "http"}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/metrics", "/%6detrics", "//metrics", "/./metrics", "/api/../metrics", "/metrics?a=b"]
)
def test_figures_are_not_told_outside(front: Front, path: str) -> None:
    assert front.raw(path) in {400, 404}


def test_health_is_told(front: Front) -> None:
    assert (front.raw("/healthz"), front.raw("/readyz")) == (200, 200)


def test_what_happens_is_told_at_once(front: Front) -> None:
    with front.client() as client:
        signed_in(front, client)
        token = client.post("/api/v1/auth/token", json={"username": "engineer", "password": PASSWORD}).json()["access"]
        began = time.monotonic()
        with client.stream("GET", "/stream/events") as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("retry:")
            assert time.monotonic() - began < 2
            told = {"title": "Behind a proxy", "source": "manual", "event_type": "note"}
            with front.client() as other:
                made = other.post("/api/v1/events", json=told, headers={"Authorization": f"Bearer {token}"})
                assert made.status_code == 201
            began = time.monotonic()
            next(line for line in lines if line.startswith("data:"))
            assert time.monotonic() - began < 2


@pytest.mark.parametrize(("size", "status"), [(25 * MIB, 202), (25 * MIB + 1, 413)])
def test_a_delivery_may_be_as_large_as_the_product_takes(front: Front, size: int, status: int) -> None:
    start = f'{{"title": "Large", "id": "{front.name}", "rest": "'.encode()
    body = start + b"x" * (size - len(start) - 2) + b'"}'
    with front.client() as client:
        answer = client.post("/hooks/hook", content=body, headers={"Authorization": f"Bearer {SECRET}"})
    assert answer.status_code == status
    assert answer.headers["X-Request-Id"], "the product answered, not the proxy"


def test_what_no_door_takes_ends_at_the_proxy(front: Front) -> None:
    with front.client() as client:
        answer = client.post("/hooks/hook", content=b"x" * (64 * MIB + 1))
    assert answer.status_code in {413, 502}  # Caddy notices while it passes the body on
    assert "X-Request-Id" not in answer.headers


def test_caddy_needs_no_variable_to_start() -> None:
    command = [program("caddy"), "adapt", "--config", str(PROXY / "Caddyfile"), "--adapter", "caddyfile"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARN" not in done.stderr.upper()


def test_the_proxies_let_the_largest_body_of_any_door_pass() -> None:
    largest = max(settings.WEBHOOK_MAX_BYTES, settings.BULK_MAX_BYTES, settings.DATA_UPLOAD_MAX_MEMORY_SIZE, 64 * MIB)
    assert largest == settings.OTLP_MAX_BYTES
    assert f"client_max_body_size {largest // MIB}m;" in (PROXY / "nginx.conf").read_text()
    assert f"max_size {largest // MIB}MiB" in (PROXY / "Caddyfile").read_text()


def test_files_are_compressed_and_pages_are_not(front: Front) -> None:
    with front.client() as client:
        page = client.get("/sign-in", headers={"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in page.headers
        (style, *_) = re.findall(r'href="(/static/[^"]+\.css)"', page.text)
        assert client.get(style, headers={"Accept-Encoding": "gzip"}).headers["Content-Encoding"] == "gzip"
