"""The tutorial: lessons whose cells run, and the stored runs that their pages open with."""
