"""What came after `deploy/released.json` only adds to the schema, so that the release before runs on it."""

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, models
from django.db.migrations import operations as made
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from connectors.tests.realpeers import program

ROOT = Path(__file__).resolve().parent.parent
RELEASED = json.loads((ROOT / "deploy/released.json").read_text())
# Migrations that break the rule, and why the release before does its work all the same.
ARGUED: dict[tuple[str, str], str] = {
    ("events", "0009_words_in_line"): "Where PostgreSQL keeps a column is nothing a statement sees.",
    ("investigations", "0012_export_redact"): "It asks for no redacted export; one that it writes whole fails, rather "
    "than be taken for one that is redacted, and its worker goes on.",
}
Key = tuple[str, str]
Columns = list[tuple[str, Any]]
HARMLESS = (
    *(made.CreateModel, made.RemoveIndex, made.RemoveConstraint, made.RunPython),
    *(made.AlterModelOptions, made.AlterModelManagers, made.AlterOrderWithRespectTo),
)
NAMED_HARMLESS = {"AddIndexConcurrently", "RemoveIndexConcurrently", "ValidateConstraint", "CreateCollation"}


def new_migrations(loader: MigrationLoader) -> Iterator[Key]:
    """Yield the migrations of this product that the release does not have, in order."""
    heads = set(RELEASED["migrations"].items())
    known = {key for head in heads for key in loader.graph.forwards_plan(head)}
    plan = [key for leaf in loader.graph.leaf_nodes() for key in loader.graph.forwards_plan(leaf)]
    yield from dict.fromkeys(key for key in plan if key[0] in RELEASED["migrations"] and key not in known)


def objection(operation: Operation, before: ProjectState, app: str, fresh: set[str]) -> str:
    """Return why the release before cannot live with an operation; nothing when it can.

    Args:
        before: the models before it.
        fresh: the models that the release does not know.
    """
    known = getattr(operation, "model_name", "").lower() not in fresh
    if not known or isinstance(operation, HARMLESS) or type(operation).__name__ in NAMED_HARMLESS:
        return ""
    if isinstance(operation, made.SeparateDatabaseAndState):
        return next(filter(None, (objection(one, before, app, fresh) for one in operation.database_operations)), "")
    if isinstance(operation, made.AddField):
        return _unfilled(operation.field, f"{operation.model_name}.{operation.name}")
    if isinstance(operation, made.AlterField):
        old = before.models[app, operation.model_name_lower].fields[operation.name]
        return _narrowed(old, operation.field, f"{operation.model_name}.{operation.name}")
    if isinstance(operation, made.AddIndex):
        return f"{operation.index.name} is made while nobody can write: AddIndexConcurrently."
    return f"{type(operation).__name__}: {operation.describe()}."


def _unfilled(field: Any, name: str) -> str:
    if field.null or field.many_to_many or field.has_db_default():
        return ""
    return f"{name} is filled by nobody who does not know it: db_default, or null."


def _narrowed(old: Any, new: Any, name: str) -> str:
    column = old.db_parameters(connection)["type"], new.db_parameters(connection)["type"]
    if column[0] != column[1]:
        return f"{name} becomes {column[1]} from {column[0]}."
    if old.null and not new.null:
        return f"{name} may not be empty any more."
    if old.has_db_default() and not new.has_db_default():
        return f"{name} is filled by nobody who does not know it any more."
    return ""


def objections(app: str, before: ProjectState, operations: Sequence[Operation], fresh: set[str]) -> list[str]:
    """Return every objection to the operations of one migration, applied to ``before`` in turn; adds to ``fresh``."""
    found = []
    for operation in operations:
        found.append(objection(operation, before, app, fresh))
        if isinstance(operation, made.CreateModel):
            fresh.add(operation.name_lower)
        operation.state_forwards(app, before)
    return [said for said in found if said]


def test_every_migration_since_the_release_only_adds() -> None:
    loader = MigrationLoader(None)
    found, fresh = {}, defaultdict[str, set[str]](set)
    for key in new_migrations(loader):
        before = loader.project_state(key, at_end=False)
        said = objections(key[0], before, loader.graph.nodes[key].operations, fresh[key[0]])
        if said and key not in ARGUED:
            found[key] = said
    assert found == {}


def test_the_release_is_as_it_is_written_down() -> None:
    """Its migrations exist, and are those of its commit where the clone has it."""
    disk = MigrationLoader(None).disk_migrations
    for app, head in RELEASED["migrations"].items():
        assert (app, head) in disk
        listed = subprocess.run(
            [program("git"), "ls-tree", "--name-only", RELEASED["commit"], f"{app}/migrations/"],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if listed.returncode == 0:
            names = [Path(line).stem for line in listed.stdout.splitlines() if Path(line).stem[:4].isdigit()]
            assert max(names) == head
            assert {(app, name) for name in names} <= disk.keys(), "one that is released keeps its name"


def state_of_a_release() -> ProjectState:
    """Return a release with one model."""
    state = ProjectState()
    fields: Columns = [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=9, null=True)),
    ]
    made.CreateModel("Thing", fields).state_forwards("shop", state)
    return state


ADDED = models.CharField(max_length=5, default="")
CHECK = models.CheckConstraint(condition=models.Q(name="a"), name="rule")


@pytest.mark.parametrize(
    ("operation", "good"),
    [
        (made.AddField("Thing", "size", models.CharField(max_length=5, db_default="")), True),
        (made.AddField("Thing", "size", models.CharField(max_length=5, null=True)), True),
        (made.AddField("Thing", "size", ADDED), False),
        (made.RemoveField("Thing", "name"), False),
        (made.RenameField("Thing", "name", "title"), False),
        (made.RenameModel("Thing", "Other"), False),
        (made.DeleteModel("Thing"), False),
        (made.AlterField("Thing", "name", models.CharField(max_length=9, null=True, help_text="Told.")), True),
        (made.AlterField("Thing", "name", models.CharField(max_length=9)), False),
        (made.AlterField("Thing", "name", models.TextField(null=True)), False),
        (made.AddIndex("Thing", models.Index(fields=["name"], name="by_name")), False),
        (made.AddConstraint("Thing", CHECK), False),
        (made.RunSQL("DROP TABLE thing"), False),
        (made.RunPython(made.RunPython.noop), True),
    ],
    ids=lambda value: value.describe() if isinstance(value, Operation) else None,
)
def test_what_the_release_before_can_live_with(operation: Operation, *, good: bool) -> None:
    assert bool(objections("shop", state_of_a_release(), [operation], set())) is not good


def test_a_table_that_the_release_does_not_know_may_be_made_as_one_likes() -> None:
    fields: Columns = [("id", models.BigAutoField(primary_key=True))]
    operations = [made.CreateModel("Fresh", fields), made.AddField("Fresh", "size", ADDED)]
    assert objections("shop", state_of_a_release(), operations, set()) == []
