"""Figures for paper, by matplotlib: the shapes of the screen's figures as PDF and PNG."""
