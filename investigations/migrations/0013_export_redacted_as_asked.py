from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('investigations', '0012_export_redact'),
    ]

    operations = [
        ValidateConstraint(model_name='export', name='export_done_is_redacted_as_asked'),
    ]
