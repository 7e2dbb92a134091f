from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('investigations', '0011_drafts'),
    ]

    operations = [
        migrations.AddField(
            model_name='export',
            name='redact',
            field=models.BooleanField(db_default=False, default=False, help_text='Whether it is to be redacted.'),
        ),
        migrations.AddField(
            model_name='export',
            name='redacted',
            field=models.BooleanField(db_default=False, default=False, help_text='Whether it was: a worker of the release before does not.'),
        ),
        AddConstraintNotValid(
            model_name='export',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'done'), _negated=True), ('redacted', models.F('redact')), _connector='OR'), name='export_done_is_redacted_as_asked'),
        ),
    ]
