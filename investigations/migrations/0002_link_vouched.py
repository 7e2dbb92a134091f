import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('investigations', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='link',
            name='investigation',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='links', to='investigations.investigation'),
        ),
        migrations.AddIndex(
            model_name='link',
            index=models.Index(condition=models.Q(('state__in', ['confirmed', 'manual'])), fields=['investigation', '-decided_at'], name='link_vouched'),
        ),
    ]
