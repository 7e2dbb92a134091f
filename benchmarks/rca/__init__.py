"""How well the suspects engine finds causes that are known: given incidents beside the repository, and made-up ones."""
