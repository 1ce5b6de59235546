"""Tries the Dockerfile and compose.yaml where there is no Docker engine: see __main__.py."""
