"""What Alembic runs for either history: the schema and the connection come from whoever called."""

from alembic import context

schema = context.config.attributes["schema"]
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    version_table=schema.version_table,
    render_as_batch=True,
    compare_type=True,
    include_object=lambda obj, name, kind, reflected, other: (
        not (kind == "table" and reflected and name not in schema.metadata.tables)
    ),
)
context.run_migrations()
