"""A FHIR server for clinical research."""

__version__ = "0.1.0"
