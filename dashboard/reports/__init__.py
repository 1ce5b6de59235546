"""Reports: a fit, or several, as a document that is read, printed, and run again."""
