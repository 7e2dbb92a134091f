"""Composition: every address this product answers."""

urlpatterns = []
