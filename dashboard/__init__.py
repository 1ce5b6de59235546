"""Residua's dashboard: projects, jobs and pages around the engine."""
