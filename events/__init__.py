"""What happened and who said so."""
