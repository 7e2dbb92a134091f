"""Built while events are stored and read: a large store must not stand still for it."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('events', '0001_initial'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='event',
            index=models.Index(condition=models.Q(('deleted_at__isnull', True)), fields=['timestamp'], include=('source', 'severity', 'service', 'component'), name='event_analytics'),
        ),
    ]
