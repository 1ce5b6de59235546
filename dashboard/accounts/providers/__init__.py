"""Providers that vouch for people: OpenID Connect (Google is one) and GitHub. What they say is checked here."""
