"""What a page knows, as param classes and pure functions. No Panel here: everything is tested bare."""
