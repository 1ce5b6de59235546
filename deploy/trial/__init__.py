"""Tries the Dockerfile and compose.yaml, with a Docker engine and where there is none: see __main__.py."""
