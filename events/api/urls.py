"""Doors: the addresses of events."""

from events.api.views import EventViewSet
from rcaplatform.kit.views import Router

router = Router()
router.register("events", EventViewSet, basename="event")
urlpatterns = router.urls
