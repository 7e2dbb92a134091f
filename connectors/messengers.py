"""Ways out for notifications: e-mail, webhooks and Slack. Each sends one message or says why it cannot."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from smtplib import SMTPException, SMTPRecipientsRefused
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from accounts.notifications.choices import Channel
from accounts.notifications.delivery import Message, Sender, Undeliverable
from connectors.errors import Misconfigured, SourceUnavailable
from connectors.http import Client, Endpoint
from connectors.standardwebhooks import signature

PER_SECOND = 1.0  # messages to one host; Slack asks for no more
MOST_LINES = 20
FOR_GOOD = 500  # from here on a mail server's refusal is one


def by_email(message: Message) -> None:
    """Send an e-mail, as text and HTML, that one click unsubscribes from (RFC 8058).

    Raises:
        Undeliverable: the server refuses the address for good.
        SourceUnavailable: the server is away or busy.
    """
    told = {"message": message}
    letter = EmailMultiAlternatives(
        subject=" ".join(message.subject.split()),
        body=render_to_string("notifications/email.txt", told),
        to=[message.address],
        headers={
            "Message-ID": f"<{message.id}@{_host(message.unsubscribe)}>",
            "List-Unsubscribe": f"<{message.unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        },
    )
    letter.attach_alternative(render_to_string("notifications/email.html", told), "text/html")
    try:
        letter.send()
    except SMTPRecipientsRefused as problem:
        if all(code >= FOR_GOOD for code, _ in problem.recipients.values()):
            raise Undeliverable("The mail server refuses the address for good.") from problem
        raise SourceUnavailable("The mail server does not take mail for the address now.") from problem
    except (SMTPException, OSError) as problem:
        raise SourceUnavailable(f"The mail server does not take it: {type(problem).__name__}.") from problem


def by_webhook(message: Message) -> None:
    """Post the message as JSON, signed as Standard Webhooks says where there is a secret.

    Raises:
        Undeliverable: the address is refused, by us or by who answers there.
        SourceUnavailable: nobody answers, or not well.
    """
    items = [{**asdict(item), "at": item.at.isoformat()} for item in message.items]
    body = {"type": "notifications", "timestamp": items[-1]["at"], "data": {"items": items}}
    _post(message.address, orjson.loads(orjson.dumps(body)), sign=_Signed(message) if message.secret else None)


def by_slack(message: Message) -> None:
    """Post the message to an incoming webhook of Slack, or of what understands the same.

    Raises:
        Undeliverable: the address is refused.
        SourceUnavailable: nobody answers, or not well.
    """
    lines = [f"<{item.url}|{_escaped(item.title)}>" for item in message.items[:MOST_LINES]]
    left = len(message.items) - MOST_LINES
    text = "\n".join([*lines, *([f"and {left} more"] if left > 0 else [])])
    _post(message.address, {"text": text})


class _Signed(httpx.Auth):
    """Signs what is sent, to the byte. The id stays the same when the message is sent again."""

    requires_request_body = True

    def __init__(self, message: Message) -> None:
        self.message = message

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        """Add the headers of Standard Webhooks."""
        identity, stamp = str(self.message.id), str(int(time.time()))
        request.headers["webhook-id"], request.headers["webhook-timestamp"] = identity, stamp
        request.headers["webhook-signature"] = signature(self.message.secret, identity, stamp, request.content)
        yield request


def _post(address: str, body: Any, *, sign: httpx.Auth | None = None) -> None:
    try:
        endpoint = Endpoint(
            url=address,
            requests_per_second=PER_SECOND,
            sign=sign,
            secret_path=True,
            networks="NOTIFICATION_NETWORKS",  # anybody gives such an address, an administrator that of a source
        )
        Client(endpoint).post(address, json=body)  # as it was given, without a slash more
    except Misconfigured as problem:
        raise Undeliverable(problem.message) from problem


def _escaped(text: str) -> str:
    """Return text in which Slack finds nothing of its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("|", "\u00a6")


def _host(address: str) -> str:
    return urlsplit(address).hostname or "localhost"


SENDERS: dict[Channel, Sender] = {
    Channel.EMAIL: by_email,
    Channel.WEBHOOK: by_webhook,
    Channel.SLACK: by_slack,
}
