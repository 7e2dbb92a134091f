from datetime import UTC, datetime, timedelta

from django.db import migrations, models
from django.db.models import Case, F, Q, When

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
TIMES = ('started_at', 'detected_at', 'resolved_at')


def _moved_in(name):
    early = When(**{f'{name}__lt': EARLIEST}, then=EARLIEST)
    late = When(**{f'{name}__gte': LATEST}, then=LATEST - timedelta(microseconds=1))
    return Case(early, late, default=F(name))


def move_in(apps, schema_editor):
    """Move times that no incident can have to the nearest that one can: all of a row at once, which keeps their order."""
    outside = Q()
    for name in TIMES:
        outside |= Q(**{f'{name}__lt': EARLIEST}) | Q(**{f'{name}__gte': LATEST})
    cases = apps.get_model('investigations', 'Investigation').objects.filter(outside)
    cases.update(**{name: _moved_in(name) for name in TIMES})


class Migration(migrations.Migration):

    dependencies = [
        ('investigations', '0002_link_vouched'),
    ]

    operations = [
        # Nothing that would be refused comes in between the two steps; reading goes on.
        migrations.RunSQL('LOCK TABLE investigations_investigation IN SHARE ROW EXCLUSIVE MODE', migrations.RunSQL.noop),
        migrations.RunPython(move_in, migrations.RunPython.noop),
        *(
            migrations.AddConstraint(
                model_name='investigation',
                constraint=models.CheckConstraint(condition=models.Q((f'{name}__gte', EARLIEST), (f'{name}__lt', LATEST)), name=f'investigation_{name}_in_range'),
            )
            for name in TIMES
        ),
    ]
