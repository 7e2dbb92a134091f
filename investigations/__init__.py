"""Cases, links, notes, exports."""
