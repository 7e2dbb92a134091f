"""Composition: settings, addresses and processes. Apps never import from here, except from `rcaplatform.kit`."""

__version__ = "0.1.0"
