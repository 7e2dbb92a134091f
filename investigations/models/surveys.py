"""Facts: what sources answered when they were asked about the time of an incident. No I/O."""

from django.db import models

from investigations.models.cases import Investigation
from rcaplatform.kit.models import Identified


class Survey(Identified):
    """What one source answered when an investigation opened. It is asked once: the answer is the scene from then on."""

    investigation = models.ForeignKey(Investigation, on_delete=models.CASCADE, related_name="surveys", db_index=False)
    source = models.CharField(max_length=100, help_text="The connector that was asked.")
    asked_at = models.DateTimeField()
    failed = models.BooleanField(default=False, help_text="It did not answer.")
    said = models.CharField(max_length=500, help_text="What it told, or why it did not, in words.")
    series = models.JSONField(default=list, help_text="service, metric, instance, version, samples of each.")
    spans = models.JSONField(default=list, help_text="The fields of `investigations.suspects.scene.Call` of each.")

    class Meta:
        ordering = ["source"]
        constraints = [models.UniqueConstraint(fields=["investigation", "source"], name="survey_once")]

    def __str__(self) -> str:
        return f"{self.source} about {self.investigation_id}"
