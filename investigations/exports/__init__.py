"""An investigation as a document to keep or to send: one plain model, and what is written from it."""
