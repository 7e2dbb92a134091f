"""An investigation made again from a document that an export wrote."""
