from django.db import migrations, models


class Migration(migrations.Migration):
    """A default of the database's own adds the column at once, and lets a process of the release before go on storing."""

    dependencies = [
        ('events', '0004_fill_fingerprints'),
    ]

    operations = [
        migrations.AddField(
            model_name='event',
            name='message',
            field=models.TextField(blank=True, db_default='', default='', editable=False, help_text='Found by this too: neither in title nor data.'),
        ),
    ]
