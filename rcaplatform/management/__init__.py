"""Composition: the command line of an operator."""
