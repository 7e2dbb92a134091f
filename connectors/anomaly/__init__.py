"""Decisions about metrics: is a sample unlike its series' past, how, and how bad is that. No database here."""
