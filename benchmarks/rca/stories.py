"""What goes wrong in made-up incidents that a change caused, and in those that none did: the diff and its symptoms.

In each text NAME is the guilty service, CALLER one that calls it and CALLEE one that it calls.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Story:
    """One way to break a service.

    Attributes:
        message, path, diff: of the guilty commit; none where no change is guilty.
        says: (who, severity, text) of the log lines that tell of it.
        moves: (who, metric, usual, then) of the metrics that move.
        slow: it creeps in over this many minutes before the alert.
        apart: the commit is of a shared library, and no deploy names it.
    """

    kind: str
    says: tuple[tuple[str, str, str], ...]
    moves: tuple[tuple[str, str, float, float], ...]
    message: str = ""
    path: str = ""
    diff: str = ""
    slow: int = 0
    apart: bool = False


LATE = (
    ("NAME", "http_server_duration_p99_ms", 120.0, 2400.0),
    ("CALLER", "http_server_duration_p99_ms", 200.0, 2600.0),
)
BROKEN = (("NAME", "error_rate", 0.002, 0.4), ("CALLER", "error_rate", 0.004, 0.3))

STORIES = (
    Story("timeout", (("NAME", "ERROR", "request to CALLEE aborted: socket timeout after 150ms"), ("CALLER", "WARN", "NAME answered 504")), BROKEN,
          "refactor: move http settings into one place", "src/NAME/http.ts",
          "-  const client = axios.create({ baseURL, timeout: 8000 });\n+  const client = axios.create({ baseURL, timeout: 150 });"),
    Story("n-plus-one", (("NAME", "WARN", "slow request GET /list took 2381 ms, 214 queries"),), (*LATE, ("NAME", "sql_queries_per_request", 3.0, 214.0)),
          "refactor: use model accessors in list view", "NAME/views.py",
          "-    rows = Item.objects.select_related('owner').filter(active=True)\n-    return [row.summary() for row in rows]\n+    out = []\n+    for row in Item.objects.filter(active=True):\n+        owner = Owner.objects.get_by_id(row.owner_id)\n+        out.append(row.summary(owner))\n+    return out"),
    Story("null", (("NAME", "ERROR", "TypeError: Cannot read properties of undefined (reading 'zone') at resolve (address.js:41)"), ("CALLER", "ERROR", "NAME replied 500")), BROKEN,
          "chore: drop legacy branch", "services/NAME/address.js",
          "-  if (!customer || !customer.address) {\n-    return DEFAULT;\n-  }\n   return customer.address.zone;"),
    Story("leak", (("NAME", "ERROR", "java.lang.OutOfMemoryError: Java heap space"), ("CALLER", "WARN", "NAME connection reset")),
          (("NAME", "jvm_memory_used_bytes", 3e8, 2e9), ("NAME", "gc_pause_seconds", 0.02, 0.9), ("CALLER", "error_rate", 0.004, 0.2)),
          "feat: remember recent lookups", "NAME/src/main/java/Lookup.java",
          "+    private final Map<String, Result> seen = new HashMap<>();\n+        seen.put(request.id(), result);\n     return result;", slow=50),
    Story("pool", (("NAME", "ERROR", "QueuePool limit of size 2 overflow 0 reached, connection timed out"), ("CALLER", "ERROR", "upstream NAME 503")), (*LATE, ("NAME", "db_pool_waiting", 0.0, 55.0)),
          "chore: align database settings with staging", "NAME/settings.py",
          "-    pool_size=30, max_overflow=20,\n+    pool_size=2, max_overflow=0,"),
    Story("contract", (("CALLER", "ERROR", "ValidationError: field 'unit_price' is required in reply of NAME"),), (("CALLER", "error_rate", 0.003, 0.8), ("CALLER", "orders_processed_per_min", 90.0, 4.0)),
          "style: consistent names in responses", "NAME/serializers.py",
          '-            "unit_price": line.price,\n+            "unitPrice": line.price,'),
    Story("authorisation", (("NAME", "ERROR", "jwt rejected: invalid audience"), ("CALLER", "WARN", "NAME returned 401 Unauthorized")), (("NAME", "http_4xx_ratio", 0.01, 0.9), ("CALLER", "error_rate", 0.002, 0.5)),
          "refactor: read token options from config", "NAME/auth/verify.go",
          '-\tparser := jwt.NewParser(jwt.WithAudience("internal"))\n+\tparser := jwt.NewParser(jwt.WithAudience(cfg.Audience))'),
    Story("setting", (("NAME", "ERROR", "dial tcp: connection refused while connecting to CALLEE:8081"), ("CALLER", "ERROR", "NAME unavailable")), BROKEN,
          "chore: clean up environment", "deploy/NAME/values.yaml",
          "-  CALLEE_ADDR: http://CALLEE:8080\n+  CALLEE_ADDR: http://CALLEE:8081"),
    Story("lock", (("NAME", "ERROR", "deadlock detected while updating balances"), ("NAME", "WARN", "transaction waited 8021 ms for lock")), (*LATE, ("NAME", "db_lock_wait_seconds", 0.01, 7.5)),
          "fix: make transfer consistent", "NAME/transfer.rb",
          '-    account.update!(balance: balance)\n+    Account.transaction do\n+      account.lock!\n+      Account.lock("FOR UPDATE").find_each { |one| one.touch }\n+      account.update!(balance: balance)\n+    end'),
    Story("cache", (("NAME", "WARN", "cache miss storm, 93% of lookups go to origin"),), (*LATE, ("NAME", "cache_hit_ratio", 0.97, 0.08)),
          "feat: personalise results", "NAME/cache.py",
          '-    key = f"list:{category}"\n+    key = f"list:{category}:{request.user_id}:{request.timestamp}"'),
    Story("memory limit", (("NAME", "ERROR", "container killed: OOMKilled, restarting"),), (("NAME", "container_restarts", 0.0, 6.0), ("CALLER", "error_rate", 0.003, 0.35)),
          "chore: right-size requests", "charts/NAME/values.yaml", "-      memory: 2Gi\n+      memory: 256Mi"),
    Story("retry", (("NAME", "ERROR", "retry 9 of 10 for CALLEE failed: 429 too many requests"),), (*BROKEN, ("CALLEE", "requests_per_sec", 100.0, 900.0)),
          "fix: be more resilient", "NAME/client.go", "-\tretries: 2, backoff: exponential(200),\n+\tretries: 10, backoff: none(),"),
    Story("registration", (("NAME", "ERROR", "no handler registered for event type 'refund.created'"),), (("NAME", "dead_letter_count", 0.0, 80.0), ("NAME", "events_processed_per_min", 300.0, 20.0)),
          "refactor: slim down bootstrap", "NAME/bootstrap.kt", '-    registry.register("refund.created", RefundHandler())\n     registry.start()'),
    Story("migration", (("NAME", "ERROR", 'psycopg.errors.UndefinedColumn: column "nickname" does not exist'),), BROKEN,
          "db: drop unused column", "NAME/migrations/0042_cleanup.sql", "+ALTER TABLE profiles DROP COLUMN nickname;"),
    Story("regex", (("NAME", "WARN", "request took 5210 ms in validate_email"),), (*LATE, ("NAME", "process_cpu_percent", 20.0, 99.0)),
          "fix: stricter validation", "NAME/validate.py", '-EMAIL = re.compile(r"^[^@]+@[^@]+$")\n+EMAIL = re.compile(r"^(([a-z])+.)+[A-Z]([a-z])+$")'),
    Story("shared library", (("NAME", "ERROR", "proto: cannot parse invalid wire-format data for LineItem.amount_minor"),), BROKEN,
          "tidy money type", "libs/money/line_item.proto", "-  int64 amount_minor = 3;\n+  string amount_text = 3;", apart=True),
    Story("rate limit", (("NAME", "WARN", "429 too many requests: bucket of tenant is empty"),), (("NAME", "http_429_ratio", 0.0, 0.7), ("CALLER", "error_rate", 0.003, 0.5)),
          "chore: tune limits", "NAME/config/limits.json", '-  "burst": 500, "rate": 200\n+  "burst": 5, "rate": 2'),
)  # fmt: skip

INNOCENT = (
    Story("provider", (("NAME", "ERROR", "POST https://api.sendmail.io/v3/send returned 503 Service Unavailable"), ("CALLER", "WARN", "NAME could not send")), BROKEN),
    Story("dns", (("NAME", "ERROR", "lookup CALLEE.prod on 10.0.0.2:53: no such host"), ("CALLER", "ERROR", "lookup NAME: no such host")), BROKEN),
    Story("certificate", (("NAME", "ERROR", "tls: failed to verify certificate: x509: certificate has expired or is not yet valid"),), BROKEN),
    Story("surge", (("CALLER", "WARN", "worker queue saturated, shedding load"),),
          tuple((who, "requests_per_sec", 200.0, 1300.0) for who in ("CALLER", "NAME", "CALLEE")) + LATE),
    Story("machine", (("NAME", "ERROR", "node ip-10-1-7-9 NotReady, pods evicted"), ("CALLER", "ERROR", "NAME: no route to host")), BROKEN),
    Story("quiet", (), ()),
)  # fmt: skip

HARMLESS = (
    ("docs: explain the flow", "docs/NAME.md", "+More about the flow."),
    ("test: cover the parser", "NAME/tests/test_parser.py", "+    assert parse('') is None"),
    ("refactor: extract helper in NAME", "NAME/handler.go", "-\tbody, err := io.ReadAll(r.Body)\n-\tif err != nil {\n-\t\thttp.Error(w, err.Error(), 400)\n-\t\treturn\n-\t}\n+\tbody, err := readBody(r)\n+\tif err != nil {\n+\t\twriteError(w, 400, err)\n+\t\treturn\n+\t}"),
    ("chore: bump dependencies", "go.mod", "-\tgolang.org/x/net v0.23.0\n+\tgolang.org/x/net v0.24.0"),
    ("feat: add a metric to NAME", "NAME/metrics.py", "+REQUESTS = Counter('requests_total', 'Requests')\n+REQUESTS.inc()"),
    ("style: new colours", "web/static/theme.css", "-a { color: #333 }\n+a { color: #444 }"),
    ("perf: preallocate in NAME", "NAME/encode.go", "-\tout := []byte{}\n+\tout := make([]byte, 0, 512)"),
    ("chore: structured logs in NAME", "NAME/logging.go", '-\tlog.Printf("done %s", id)\n+\tlogger.Info("done", "id", id)'),
    ("fix: guard empty list", "pkg/list/first.go", "+\tif len(items) == 0 {\n+\t\treturn nil\n+\t}\n \treturn items[0]"),
    ("chore: raise pool size of NAME", "NAME/pool.go", "-\tcfg.MaxConns = 20\n+\tcfg.MaxConns = 40"),
    ("refactor: rename variables in NAME", "NAME/util.ts", "-  const x = compute(input);\n-  return x;\n+  const result = compute(input);\n+  return result;"),
    ("ci: cache modules", ".github/workflows/build.yml", "+      - uses: actions/cache@v4"),
)  # fmt: skip
