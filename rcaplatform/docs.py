"""Composition: the API's documentation in a browser, from this server alone and under the strict content policy."""

from csp.constants import SELF
from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView


class Swagger(SpectacularSwaggerSplitView):
    """Read and try every operation."""

    url_name = "api:schema"
    template_name = "docs/swagger.html"


@method_decorator(csp_update({"worker-src": [SELF, "blob:"]}), name="dispatch")
class Redoc(SpectacularRedocView):
    """Read every operation. It searches in a worker of its own making."""

    url_name = "api:schema"
    template_name = "docs/redoc.html"
