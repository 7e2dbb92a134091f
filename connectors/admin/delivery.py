"""Door for administrators: deliveries as they came."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.admin import ByRole
from connectors.admin.raw import shown
from connectors.models import Delivery


@admin.register(Delivery)
class DeliveryAdmin(ByRole):
    """Deliveries as they came, and what became of them."""

    list_display = ("event", "key", "connector", "state", "received_at", "stored", "duplicates", "attempts")
    list_filter = ("state", "connector", "event")
    list_select_related = ("connector",)
    search_fields = ("=key",)
    fields = (*list_display, "digested_at", "headers", "content")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Leave the bodies where they are until one is shown."""
        return super().get_queryset(request).defer("body")

    @admin.display(description="Body")
    def content(self, delivery: Delivery) -> SafeString:
        """Show the body, within bounds."""
        return shown(bytes(delivery.body))
