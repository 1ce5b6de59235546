"""The workbench page, one idea a file: the page itself, its pictures, its scene and images, its fits."""

from dashboard.pages.workbench.page import WorkbenchPage

__all__ = ["WorkbenchPage"]
