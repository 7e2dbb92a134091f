from django.db import migrations

from events.terms import event_keywords

BATCH = 2_000
_NAMED = ('title', 'service', 'component', 'environment', 'source_id', 'tags', 'data')
_FILL = (
    'UPDATE events_event SET message = told.message, keywords = told.keywords '
    'FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS told (id, message, keywords) WHERE events_event.id = told.id'
)


def fill(apps, schema_editor):
    """Let events stored before be found by all that they say, as those stored from now on are.

    The words of their message, which was not stored, are those that nothing else gives. Said again, it says the same.
    """
    events = apps.get_model('events', 'Event').objects.order_by('id')
    last = None
    while True:
        rest = events.filter(id__gt=last) if last else events
        rows = list(rest.values('id', 'message', 'keywords', *_NAMED)[:BATCH])
        if not rows:
            return
        last = rows[-1]['id']
        changed = [(row['id'], *found) for row in rows if (found := found_by(row)) != (row['message'], row['keywords'])]
        if changed:
            with schema_editor.connection.cursor() as cursor:
                cursor.execute(_FILL, [list(column) for column in zip(*changed)])


def found_by(row):
    """Return the message and the keywords of an event."""
    named = {name: row[name] for name in _NAMED}
    given = event_keywords(**named, message='').split()
    message = row['message'] or ' '.join(word for word in row['keywords'].split() if word not in given)
    return message, event_keywords(**named, message=message)


class Migration(migrations.Migration):
    """Each batch commits by itself: no long lock, and an interrupted run goes on where it stopped."""

    atomic = False
    dependencies = [
        ('events', '0005_event_message'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
