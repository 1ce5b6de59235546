"""Samplers: draws from the posterior, and whether they can be believed."""
