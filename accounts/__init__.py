"""Who you are, what you may, what was done."""
