"""Benchmarks: one script a question, each with --help. Nothing here is part of the installed package."""
