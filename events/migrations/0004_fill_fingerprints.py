from django.db import migrations

from events.fingerprints import fingerprint

BATCH = 5_000
_NAMED = ('source', 'service', 'event_type', 'title')
_FILL = (
    'UPDATE events_event SET fingerprint = told.fingerprint '
    'FROM unnest(%s::uuid[], %s::bigint[]) AS told (id, fingerprint) WHERE events_event.id = told.id'
)


def fill(apps, schema_editor):
    """Give a fingerprint to the events stored before there were any: batch by batch in the order of their keys."""
    without = apps.get_model('events', 'Event').objects.filter(fingerprint=0).order_by('id')
    last = None
    while True:
        rest = without.filter(id__gt=last) if last else without
        rows = list(rest.values_list('id', *_NAMED)[:BATCH])
        if not rows:
            return
        last = rows[-1][0]
        numbers = [fingerprint(**dict(zip(_NAMED, values))) for _, *values in rows]
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(_FILL, [[row[0] for row in rows], numbers])


class Migration(migrations.Migration):
    """Each batch commits by itself: no long lock, and an interrupted run goes on where it stopped."""

    atomic = False
    dependencies = [
        ('events', '0003_event_fingerprint'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
