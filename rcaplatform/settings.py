"""Composition: every setting, read from the environment in this one place. `.env.example` explains each variable."""

import base64
import hashlib
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from celery.schedules import crontab
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.crypto import get_random_string
from redis.backoff import NoBackoff
from redis.retry import Retry

from accounts.claims import Provider, known_roles
from rcaplatform import __version__, describing
from rcaplatform.embedded import database_url, redis_url
from rcaplatform.kit import assistant
from rcaplatform.kit.environment import Environment
from rcaplatform.kit.figures import share
from rcaplatform.kit.keyfiles import create_once
from rcaplatform.kit.logging import configure

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()
env.read_env(BASE_DIR / ".env", overwrite=False)
share()  # before anything counts

# Where a node keeps what it makes for itself: keys, embedded servers, git mirrors, collected static files.
DATA_DIR = Path(env.str("RCA_DATA_DIR", default="") or BASE_DIR / "var").resolve()
DEBUG = env.bool("DEBUG", default=False)
SITE_URL = env.str("SITE_URL", default="") or f"http://127.0.0.1:{env.int('PORT', default=8000)}"
_site = urlsplit(SITE_URL)
if _site.scheme not in {"http", "https"} or not _site.hostname:
    raise ImproperlyConfigured(f"SITE_URL must be an address such as https://rca.example.org, not {SITE_URL!r}")
_https = _site.scheme == "https"

# --- Secrets: given by the environment, or made once by the first process of a single node
SECRET_KEY = env.str("SECRET_KEY", default="") or create_once(
    DATA_DIR / "keys" / "secret-key", lambda: get_random_string(64), variable="SECRET_KEY"
)
SEALING_KEYS = env.list("SEALING_KEYS", default=[]) or [
    base64.urlsafe_b64encode(hashlib.sha256(b"sealing:" + SECRET_KEY.encode()).digest()).decode()
]
JWT_PRIVATE_KEY = env.str("JWT_PRIVATE_KEY", default="", multiline=True)
JWT_RETIRED_KEYS = env.str("JWT_RETIRED_KEYS", default="", multiline=True)

# --- The application
ALLOWED_HOSTS = [*env.list("ALLOWED_HOSTS", default=[]), _site.hostname, "127.0.0.1", "localhost"]
CSRF_TRUSTED_ORIGINS = [f"{_site.scheme}://{_site.netloc}"]
ROOT_URLCONF = "rcaplatform.urls"
WSGI_APPLICATION = "rcaplatform.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "rcaplatform",  # for its commands: it has no models; first, as one of them replaces Django's
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "django_celery_beat",
    "django_htmx",
    "django_filters",
    "django_prometheus",
    "allauth.account",  # its models alone: no page, no form, no way in of it is routed
    "allauth.socialaccount",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "accounts",
    "events",
    "investigations",
    "connectors",
    "frontend",
]
MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "rcaplatform.kit.middleware.RequestContext",
    "rcaplatform.kit.replica.ReplicaReads",
    "rcaplatform.kit.ratelimit.RateLimitHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.sessions.Sessions",
    "rcaplatform.kit.middleware.PageMessages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "rcaplatform.kit.middleware.ContentPolicy",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "rcaplatform" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "frontend.switchboard.switched_off",
            ],
        },
    }
]
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
VERSION = __version__


def _database(url: str, variable: str = "DATABASE_URL") -> dict[str, Any]:
    """Return what Django needs of a database's address; the error does not repeat it, as it may hold a password."""
    try:
        return dict(env.db_url_config(url))
    except ValueError as problem:
        message = f"{variable} must be an address such as postgres://user:password@host:5432/name"
        raise ImproperlyConfigured(message) from problem


# --- Stores: PostgreSQL is the only durable one; Redis carries doorbells, cache and realtime
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        **_database(env.str("DATABASE_URL", default="") or database_url(DATA_DIR)),
        "ENGINE": "rcaplatform.kit.postgresql",
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "TEST": {"NAME": "rca_test"},
    }
}
# A standby may answer what is only read: see rcaplatform/kit/replica.py. Without it the primary answers.
_replica = env.str("DATABASE_REPLICA_URL", default="")
REPLICA_MAX_LAG_SECONDS = env.float("REPLICA_MAX_LAG_SECONDS", default=5.0)
if _replica:
    DATABASES["replica"] = {**DATABASES["default"], **_database(_replica, "DATABASE_REPLICA_URL")}
    DATABASES["replica"]["ENGINE"], DATABASES["replica"]["TEST"] = DATABASES["default"]["ENGINE"], {"MIRROR": "default"}
    _patience = {"connect_timeout": 2, "tcp_user_timeout": 5_000}  # seconds; milliseconds
    DATABASES["replica"]["OPTIONS"] = {**_patience, **DATABASES["replica"].get("OPTIONS", {})}
    DATABASE_ROUTERS = ["rcaplatform.kit.replica.Router"]
REDIS_URL = env.str("REDIS_URL", default="") or redis_url(DATA_DIR)
# A request that meets a dead Redis goes on without it at once; by default the client would try again for ten seconds.
REDIS_OPTIONS = {"socket_timeout": 1, "socket_connect_timeout": 1, "retry": Retry(NoBackoff(), 0)}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": REDIS_OPTIONS,
    }
}

# --- Traces of the product itself, over OTLP; the SDK reads its own OTEL_* variables
TRACING = bool(env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default=""))

# --- Celery: doorbells only; what must not be lost waits in PostgreSQL
CELERY_BROKER_URL = (env.str("CELERY_BROKER_URL", default="") or REDIS_URL).replace("unix://", "redis+socket://", 1)
_broker = CELERY_BROKER_URL.partition("://")[0]
if _broker not in {"redis", "rediss", "redis+socket", "amqp", "amqps"}:
    raise ImproperlyConfigured("CELERY_BROKER_URL must be an address such as amqp://user:password@host:5672/name")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_TIMEOUT = 2
# A request that rings a doorbell must not wait for a broker that is away: without these it would wait for ever.
CELERY_BROKER_TRANSPORT_OPTIONS = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1}
if _broker.startswith("amqp"):
    CELERY_BROKER_TRANSPORT_OPTIONS |= {"write_timeout": 5}
else:
    # Longer than the longest task, a poll: what is not acknowledged by then is given to another worker. RabbitMQ gives
    # it away when the connection ends, and has a limit of its own, consumer_timeout: see docs/operations/scaling.md.
    CELERY_BROKER_TRANSPORT_OPTIONS |= {"socket_timeout": 5, "socket_connect_timeout": 2, "visibility_timeout": 14_400}
CELERY_IMPORTS = ["rcaplatform.kit.taskfigures", *(["rcaplatform.tracing"] if TRACING else [])]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 900
# A queue for each kind of work. A source that does not answer, and what is tried again, hold processes of their own:
# none that fresh deliveries and linking wait for.
CELERY_TASK_ROUTES = {
    "connectors.poll": {"queue": "polls"},
    "connectors.digest": {"queue": "ingest"},
    "connectors.retry_dead_letters": {"queue": "retry"},
    "connectors.backfill": {"queue": "retry"},
    "notifications.deliver": {"queue": "notify"},
    "connectors.survey": {"queue": "retry"},
    "investigations.make_exports": {"queue": "retry"},
    "investigations.write_drafts": {"queue": "retry"},
    "investigations.link": {"queue": "link"},
    "investigations.look_back": {"queue": "link"},
}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_TIMEZONE = "UTC"
# Each connector's schedule is a row beside these; connectors/schedules.py keeps it.
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = {
    "look for overdue and silent connectors": {"task": "connectors.watch", "schedule": 15.0},
    "digest deliveries left behind": {"task": "connectors.digest", "schedule": 10.0},
    "link events left behind": {"task": "investigations.link", "schedule": 10.0},
    "look back for investigations left behind": {"task": "investigations.look_back", "schedule": 10.0},
    "make exports left behind": {"task": "investigations.make_exports", "schedule": 10.0},
    "write drafts left behind": {"task": "investigations.write_drafts", "schedule": 30.0},
    "seal the audit trail": {"task": "accounts.seal_audit", "schedule": 10.0},
    "ask sources about new investigations": {"task": "connectors.survey", "schedule": 60.0},
    "rank suspects left behind": {"task": "investigations.rank_suspects", "schedule": 30.0},
    "send notifications that are due": {"task": "notifications.deliver", "schedule": 15.0},
    "forget notifications past their age": {"task": "notifications.purge", "schedule": crontab(hour=3, minute=37)},
    "flush tokens that expired": {"task": "accounts.flush_tokens", "schedule": crontab(hour=3, minute=7)},
    "flush sessions that ended": {"task": "accounts.flush_sessions", "schedule": crontab(hour=3, minute=57)},
    "forget drafts past their age": {"task": "investigations.purge_drafts", "schedule": crontab(hour=3, minute=47)},
    "purge exports past their time": {"task": "investigations.purge_exports", "schedule": 600.0},
    "purge events past their age": {"task": "investigations.purge", "schedule": crontab(hour=3, minute=17)},
    "purge deliveries that are done with": {"task": "connectors.purge", "schedule": crontab(hour=3, minute=27)},
    "purge samples that are judged": {"task": "connectors.purge_samples", "schedule": crontab(minute=37)},
}
RETENTION_DAYS = env.int("RETENTION_DAYS", default=90)
SURVEY_SOURCES = env.bool("SURVEY_SOURCES", default=True)
DELIVERY_RETENTION_DAYS = env.int("DELIVERY_RETENTION_DAYS", default=14)
NOTIFICATION_RETENTION_DAYS = env.int("NOTIFICATION_RETENTION_DAYS", default=90)
# Exports that a worker made: how long one is kept, and how much all of them may take together.
EXPORT_KEPT = timedelta(hours=env.int("EXPORT_RETENTION_HOURS", default=24))
EXPORT_STORE_BYTES = env.int("EXPORT_STORE_MIB", default=512) * 1024 * 1024

# --- Accounts
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
SESSION_AGE = timedelta(hours=env.int("SESSION_HOURS", default=336))  # from sign-in on, used or not
SESSION_COOKIE_AGE = int(SESSION_AGE.total_seconds())
SESSION_IDLE = timedelta(minutes=env.int("SESSION_IDLE_MINUTES", default=0))  # 0: for how long not used is no matter
if SESSION_COOKIE_AGE <= 0:
    raise ImproperlyConfigured("SESSION_HOURS must be 1 or more: nobody would stay signed in.")
REQUIRE_SECOND_FACTOR = known_roles("REQUIRE_SECOND_FACTOR", env.list("REQUIRE_SECOND_FACTOR", default=[]))
OIDC = Provider(
    issuer=env.str("OIDC_ISSUER", default=""),
    client_id=env.str("OIDC_CLIENT_ID", default=""),
    client_secret=env.str("OIDC_CLIENT_SECRET", default=""),
    name=env.str("OIDC_NAME", default="single sign-on"),
    scopes=tuple(env.list("OIDC_SCOPES", default=["openid", "profile", "email"])),
    domains=tuple(env.list("OIDC_DOMAINS", default=[])),
    role_claim=env.str("OIDC_ROLE_CLAIM", default=""),
    admins=tuple(env.list("OIDC_ADMINS", default=[])),
    engineers=tuple(env.list("OIDC_ENGINEERS", default=[])),
    default_role=env.str("OIDC_DEFAULT_ROLE", default="user"),
)
PASSWORD_SIGN_IN = env.bool("PASSWORD_SIGN_IN", default=True)
if not (PASSWORD_SIGN_IN or OIDC):
    raise ImproperlyConfigured("PASSWORD_SIGN_IN=false needs OIDC_ISSUER: nobody could sign in.")
SOCIALACCOUNT_ADAPTER, MFA_ADAPTER = "frontend.oidc.Desk", "accounts.secondfactor.Adapter"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "investigations"
LOGOUT_REDIRECT_URL = "sign-in"
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(hours=env.int("JWT_ACCESS_HOURS", default=24)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.int("JWT_REFRESH_DAYS", default=14)),
    "ALGORITHM": "RS256",
}
# Requests a minute; 0 for no limit. Sessions of the pages are not counted.
RATE_LIMITS = {
    "user": env.int("RATE_LIMIT_USER", default=100),
    "engineer": env.int("RATE_LIMIT_ENGINEER", default=100),
    "admin": env.int("RATE_LIMIT_ADMIN", default=100),
    "ingest": env.int("RATE_LIMIT_INGEST", default=6000),
    "anonymous": env.int("RATE_LIMIT_ANONYMOUS", default=100),
    "sign_in": env.int("RATE_LIMIT_SIGN_IN", default=10),
}

# --- E-mail: none unless a server is named
EMAIL_URL = env.str("EMAIL_URL", default="")
if EMAIL_URL:
    _email = env.email_url("EMAIL_URL")
    EMAIL_BACKEND, EMAIL_HOST, EMAIL_PORT = _email["EMAIL_BACKEND"], _email["EMAIL_HOST"], _email["EMAIL_PORT"]
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _email["EMAIL_HOST_USER"] or "", _email["EMAIL_HOST_PASSWORD"] or ""
    EMAIL_USE_TLS, EMAIL_USE_SSL = _email.get("EMAIL_USE_TLS", False), _email.get("EMAIL_USE_SSL", False)
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="") or f"rca@{_site.hostname}"
EMAIL_TIMEOUT = 20

# --- The assistant: a language model that drafts texts from evidence. None unless one is named
ASSISTANT_URL = env.str("ASSISTANT_URL", default="").rstrip("/")
ASSISTANT_PROTOCOL = env.str("ASSISTANT_PROTOCOL", default="ollama")
ASSISTANT_MODEL = env.str("ASSISTANT_MODEL", default="")
ASSISTANT_KEY = env.str("ASSISTANT_KEY", default="")
ASSISTANT_TIMEOUT = env.int("ASSISTANT_TIMEOUT", default=180)
ASSISTANT_PROMPT_CHARS = env.int("ASSISTANT_PROMPT_CHARS", default=24_000)
ASSISTANT_ANSWER_TOKENS = env.int("ASSISTANT_ANSWER_TOKENS", default=2_000)
ASSISTANT_DRAFTS_AN_HOUR = env.int("ASSISTANT_DRAFTS_AN_HOUR", default=10)
if _wrong := assistant.wrong({name: value for name, value in vars().items() if name.startswith("ASSISTANT_")}):
    raise ImproperlyConfigured(_wrong)

# --- The demo: people named after their roles, and an incident to look at. Not for an installation that others reach.
DEMO = env.bool("DEMO", default=True)
DEMO_PASSWORD = env.str("DEMO_PASSWORD", default="")

# --- API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.CredentialAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.RolePermission"],
    "DEFAULT_THROTTLE_CLASSES": ["accounts.throttling.AddressThrottle"],
    "NUM_PROXIES": env.int("PROXIES", default=0),
    "DEFAULT_FILTER_BACKENDS": ["rcaplatform.kit.search.Filtered"],
    "DEFAULT_PAGINATION_CLASS": "rcaplatform.kit.paging.Pages",
    "DEFAULT_RENDERER_CLASSES": ["rcaplatform.kit.rest.JSONRenderer", "rest_framework.renderers.BrowsableAPIRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rcaplatform.kit.rest.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "rcaplatform.kit.openapi.Schema",
    "EXCEPTION_HANDLER": "rcaplatform.kit.rest.problem",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = describing.SPECTACULAR_SETTINGS

# --- Bounds
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
# Ten thousand events of the usual kilobyte fit three times; a worker of the web server holds one such body in memory.
BULK_MAX_BYTES, BULK_MAX_ITEMS = 32 * 1024 * 1024, 10_000
# How many events may wait to be linked before API clients are asked to come back later. At 2,000 events linked a second
# this many wait five seconds; further behind, an investigation would not show what just happened. 0 never refuses.
EVENT_QUEUE_LIMIT = env.int("EVENT_QUEUE_LIMIT", default=10_000)
WEBHOOK_MAX_BYTES = 25 * 1024 * 1024  # GitHub's and GitLab's own limit
OTLP_MAX_BYTES = env.int("OTLP_MAX_MIB", default=64) * 1024 * 1024  # after decompression, as the protocol advises


# --- Requests to sources. Public addresses are always reached, those of a cloud's metadata never.
def _is_own_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _networks(name: str, networks: list[str]) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(network) for network in networks]
    except ValueError as problem:
        raise ImproperlyConfigured(f"{name} must be networks such as 10.0.0.0/8: {problem}") from problem


_own = ["127.0.0.0/8", "::1/128"] if _is_own_machine(_site.hostname) else []
_private = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]
OUTBOUND_NETWORKS = _networks("OUTBOUND_NETWORKS", env.list("OUTBOUND_NETWORKS", default=[*_private, *_own]))
# Where people have their notifications sent: anybody gives such an address, an administrator that of a source.
NOTIFICATION_NETWORKS = _networks("NOTIFICATION_NETWORKS", env.list("NOTIFICATION_NETWORKS", default=_own))

# --- What becomes an event
OTLP_SLOW_SPAN_MS = env.int("OTLP_SLOW_SPAN_MS", default=1_000)

# --- Pages and their security
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
WHITENOISE_USE_FINDERS = not STATIC_ROOT.is_dir()
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}
SECURE_SSL_REDIRECT = _https
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]  # probes come from inside
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- Logs: one JSON object a line on standard output
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
LOGGING_CONFIG = None
configure(level=LOG_LEVEL, console=env.bool("LOG_CONSOLE", default=False))
structlog.get_logger(__name__).debug("settings.read", data_dir=str(DATA_DIR))
