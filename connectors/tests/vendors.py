"""What tools post to webhooks: samples made up after public documentation, and a recorded corpus."""

from collections.abc import Iterator
from typing import Any

import orjson

from tests.shared import payloads

ALARM = {
    "AlarmName": "HighCPU",
    "AlarmDescription": "CPU above 90 %",
    "NewStateValue": "ALARM",
    "NewStateReason": "Threshold Crossed: 1 datapoint",
    "StateChangeTime": "2029-12-31T23:00:00.000+0000",
    "Region": "EU (Ireland)",
    "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123:alarm:HighCPU",
    "OldStateValue": "OK",
    "Trigger": {"MetricName": "CPUUtilization", "Dimensions": [{"name": "InstanceId", "value": "i-1"}]},
}
SNS = {
    "Type": "Notification",
    "MessageId": "m-1",
    "TopicArn": "arn:aws:sns:eu-west-1:123:alarms",
    "Subject": 'ALARM: "HighCPU" in EU (Ireland)',
    "Message": orjson.dumps(ALARM).decode(),
    "Timestamp": "2029-12-31T23:00:05.000Z",
    "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/cert.pem",
    "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
}
EVENTBRIDGE = {
    "id": "e-1",
    "detail-type": "CloudWatch Alarm State Change",
    "source": "aws.cloudwatch",
    "time": "2029-12-31T23:00:00Z",
    "detail": {"alarmName": "HighCPU", "state": {"value": "ALARM"}, "previousState": {"value": "OK"}},
}
AZURE = {
    "schemaId": "azureMonitorCommonAlertSchema",
    "data": {
        "essentials": {
            "alertId": "/subscriptions/1/alerts/2",
            "alertRule": "WCUS-R2-Gen2",
            "severity": "Sev1",
            "monitorCondition": "Resolved",
            "firedDateTime": "2029-12-31T22:00:00Z",
            "resolvedDateTime": "2029-12-31T23:00:00Z",
        },
    },
}
NEW_RELIC = {
    "id": "d1b1f3fd",
    "issueUrl": "https://one.newrelic.com/issue/1",
    "title": "Memory Used % > 90 for 5 minutes",
    "priority": "CRITICAL",
    "state": "ACTIVATED",
    "createdAt": 1_893_452_400_000,
    "updatedAt": 1_893_452_460_000,
}
ZABBIX = {
    "event_id": "1337",
    "event_name": "Disk space is low",
    "event_severity": "Disaster",
    "event_status": "PROBLEM",
    "host": "db1",
    "event_datetime": "2029-12-31 23:00:00",
}
PINGDOM = {
    "check_id": 12345,
    "check_name": "Name of HTTP check",
    "current_state": "DOWN",
    "previous_state": "UP",
    "importance_level": "HIGH",
    "state_changed_timestamp": 1_893_452_400,
    "long_description": "HTTP Server Error 500",
}
UPTIME_KUMA = {
    "heartbeat": {"monitorID": 1, "status": 0, "time": "2029-12-31 23:00:00.123", "msg": "timeout"},
    "monitor": {"id": 1, "name": "Shop", "url": "https://shop.example"},
    "msg": "[Shop] [Down] timeout",
}
DYNATRACE = {
    "ProblemID": "P-1",
    "ProblemTitle": "Response time degradation",
    "ProblemSeverity": "ERROR",
    "State": "OPEN",
    "ProblemURL": "https://abc.live.dynatrace.com/#problems/1",
}
BETTER_STACK = {
    "data": {
        "id": "25",
        "type": "incident",
        "attributes": {
            "name": "shop.example",
            "cause": "Status 404",
            "status": "Started",
            "started_at": "2029-12-31T23:00:00.000Z",
            "resolved_at": None,
        },
    }
}
SITE24X7 = {
    "MONITORNAME": "Zoho",
    "STATUS": "DOWN",
    "INCIDENT_REASON": "Connection refused",
    "INCIDENT_TIME_ISO": "2029-12-31T23:00:00+0000",
    "MONITORURL": "https://zoho.example",
}
ROLLBAR = {
    "event_name": "new_item",
    "data": {
        "item": {"id": 272716944, "title": "testing aobg98wrwe", "environment": "production", "level": "error"},
        "occurrence": {"timestamp": 1_893_452_400},
    },
}
EVENTS_API = {
    "routing_key": "s3cret",
    "event_action": "trigger",
    "dedup_key": "srv01/HTTP",
    "payload": {
        "summary": "Example alert on host1.example.com",
        "timestamp": "2029-12-31T23:00:00.000+0000",
        "source": "monitoringtool:host1",
        "severity": "info",
        "component": "postgres",
        "custom_details": {"service": "payments", "env": "prod"},
    },
    "links": [{"href": "https://example.com/", "text": "Link text"}],
}
OPSGENIE_CREATE = {
    "message": "An example alert message",
    "alias": "Life is too short for no alias",
    "description": "Every alert needs a description",
    "details": {"service": "payments", "env": "prod"},
    "entity": "An example entity",
    "priority": "P1",
}
SAMPLES: dict[str, dict[str, Any]] = {
    "azure": AZURE,
    "better-stack": BETTER_STACK,
    "cloudwatch-eventbridge": EVENTBRIDGE,
    "cloudwatch-sns": SNS,
    "dynatrace": DYNATRACE,
    "new-relic": NEW_RELIC,
    "opsgenie-create": OPSGENIE_CREATE,
    "pagerduty-events": EVENTS_API,
    "pingdom": PINGDOM,
    "rollbar": ROLLBAR,
    "site24x7": SITE24X7,
    "uptime-kuma": UPTIME_KUMA,
    "zabbix": ZABBIX,
}


def recorded() -> dict[str, Any]:
    """Return the recorded payloads of many vendors, taken out of what each file wraps them in."""
    found: dict[str, Any] = {}
    for path in sorted(payloads("alerts-many-vendors", "keep-mocks").glob("*.json")):
        for place, payload in enumerate(_unwrapped(orjson.loads(path.read_bytes()))):
            found[f"{path.name.partition('.')[0]}/{place}"] = payload
    return found


def _unwrapped(mock: dict[str, Any]) -> Iterator[Any]:
    (wrapped,) = mock.values()
    if isinstance(wrapped, list):
        yield from wrapped
    elif all(isinstance(one, dict) and "payload" in one for one in wrapped.values()):
        yield from (one["payload"] for one in wrapped.values())
    else:
        yield wrapped


def sent_elsewhere() -> dict[str, Any]:
    """Return what a real Alertmanager sent to PagerDuty and to Opsgenie."""
    folder = payloads("recorded-from-live-servers", "alertmanager-0.25.0")
    return {
        path.name: orjson.loads(path.read_bytes())["body"]
        for pattern in ("pagerduty_events_v2.*.json", "opsgenie_v2_alert.*.json")
        for path in sorted(folder.glob(pattern))
    }
