"""Composition: how the API describes itself, drf-spectacular's settings. No variable is read here."""

from rcaplatform import __version__

SPECTACULAR_SETTINGS = {
    "TITLE": "Root cause analysis platform",
    "DESCRIPTION": "Events from every source, stored once, linked to investigations with a confidence and its reasons.",
    "VERSION": __version__,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "displayRequestDuration": True},
    "PREPROCESSING_HOOKS": ["rcaplatform.kit.openapi.without_slash"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "rcaplatform.kit.openapi.with_problem",
        "rcaplatform.kit.openapi.any_value",
    ],
    "ENUM_NAME_OVERRIDES": {
        "Severity": "events.choices.Severity",
        "Source": "events.choices.Source",
        "ImpactSeverity": "investigations.choices.ImpactSeverity",
        "InvestigationStatus": "investigations.choices.Status",
        "LinkState": "investigations.choices.LinkState",
        "BreakerState": "connectors.choices.BreakerState",
        "DeadLetterState": "connectors.choices.DeadLetterState",
        "ConnectorState": "connectors.health.STATES",
        "ExportState": "investigations.choices.ExportState",
        "ExportFormat": "investigations.choices.ExportFormat",
        "SuspectState": "investigations.choices.SuspectState",
        "SuspectKind": "investigations.choices.SuspectKind",
        "CitedKind": "investigations.choices.CitedKind",
        "DraftKind": "investigations.choices.DraftKind",
        "DraftState": "investigations.choices.DraftState",
        "DraftSection": "investigations.choices.DraftSection",
    },
}
