"""Doors for people: pages, each a sentence."""
