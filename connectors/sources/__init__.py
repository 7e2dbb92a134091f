"""The sources: one file each. They know nothing of one another and nothing of the database."""
