"""A halt of all connectors becomes the switch `connectors`.

The row stays as well: nodes of the release before, which go on while this runs or come back after it, ask it.
"""

from django.db import migrations


def to_switch(apps, schema_editor):
    """Keep halted what is halted."""
    switch = apps.get_model("accounts", "Switch")
    for halt in apps.get_model("connectors", "Halt").objects.all():
        said = {"at": halt.at, "actor_id": halt.actor_id, "reason": halt.reason}
        switch.objects.get_or_create(feature="connectors", defaults=said)


def to_halt(apps, schema_editor):
    """Give the release before its halt back, as it is now."""
    apps.get_model("connectors", "Halt").objects.all().delete()
    for switch in apps.get_model("accounts", "Switch").objects.filter(feature="connectors"):
        said = {"at": switch.at, "actor_id": switch.actor_id, "reason": switch.reason}
        apps.get_model("connectors", "Halt").objects.get_or_create(pk=1, defaults=said)


class Migration(migrations.Migration):
    dependencies = [("connectors", "0006_pushed_metrics"), ("accounts", "0008_switches")]

    operations = [migrations.RunPython(to_switch, to_halt)]
