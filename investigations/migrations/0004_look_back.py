import django.db.models.deletion
import rcaplatform.kit.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('investigations', '0003_times_in_range'),
    ]

    operations = [
        migrations.CreateModel(
            name='LookBack',
            fields=[
                ('id', models.UUIDField(default=rcaplatform.kit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('investigation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='investigations.investigation')),
            ],
            options={
                'ordering': ['id'],
            },
        ),
    ]
