"""Doors: the addresses of signing in and out, of API keys, and of revoking."""

from django.urls import re_path

from accounts.api import audit, credentials, notifications, switches, views
from rcaplatform.kit.views import Router

router = Router()
router.register("api-keys", credentials.ApiKeyViewSet, basename="api-key")
router.register("admin/tokens", credentials.RevokedTokenViewSet, basename="revoked-token")
router.register("admin/audit", audit.AuditViewSet, basename="audit")
router.register("admin/users", credentials.UserViewSet, basename="user")
router.register("notifications", notifications.NotificationViewSet, basename="notification")

urlpatterns = [
    re_path(r"^auth/token/?$", views.ObtainToken.as_view(), name="token"),
    re_path(r"^auth/token/refresh/?$", views.RefreshTokens.as_view(), name="token-refresh"),
    re_path(r"^auth/token/verify/?$", views.VerifyToken.as_view(), name="token-verify"),
    re_path(r"^auth/logout/?$", views.SignOut.as_view(), name="logout"),
    re_path(r"^admin/switches/?$", switches.SwitchesView.as_view(), name="switches"),
    re_path(r"^admin/switches/(?P<feature>[a-z_]+)/?$", switches.SwitchView.as_view(), name="switch"),
    re_path(r"^me/?$", views.MeView.as_view(), name="me"),
    *router.urls,
]
