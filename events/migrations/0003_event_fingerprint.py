from django.db import migrations, models


class Migration(migrations.Migration):
    """A default of the database's own adds the column at once, and lets a process of the release before go on storing."""

    dependencies = [
        ('events', '0002_event_analytics'),
    ]

    operations = [
        migrations.AddField(
            model_name='event',
            name='fingerprint',
            field=models.BigIntegerField(db_default=0, editable=False, help_text='Equal for events that say the same thing: see events.fingerprints.'),
        ),
    ]
