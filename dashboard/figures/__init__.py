"""Bokeh figures and small pictures made from arrays. Pure: nothing here knows of sessions, stores or engines."""
