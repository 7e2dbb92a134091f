"""Composition: the API's documentation in a browser, from this server alone and under the strict content policy."""

from typing import Any

from csp.constants import SELF
from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from rcaplatform.kit.collection import collection
from rcaplatform.kit.rest import JSONRenderer


class Swagger(SpectacularSwaggerSplitView):
    """Read and try every operation."""

    url_name = "api:schema"
    template_name = "docs/swagger.html"


@method_decorator(csp_update({"worker-src": [SELF, "blob:"]}), name="dispatch")
class Redoc(SpectacularRedocView):
    """Read every operation. It searches in a worker of its own making."""

    url_name = "api:schema"
    template_name = "docs/redoc.html"


class Collection(SpectacularAPIView):
    """The same operations as requests to send: a collection for Postman, Bruno or Insomnia."""

    renderer_classes = [JSONRenderer]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """Give it for this installation, as a file."""
        generator: Any = self.generator_class(urlconf=self.urlconf)
        made = collection(generator.get_schema(request=None, public=True), f"{request.scheme}://{request.get_host()}")
        return Response(made, headers={"Content-Disposition": 'attachment; filename="rca.postman_collection.json"'})
