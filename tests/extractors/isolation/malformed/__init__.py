"""Malformed documents, which no sound program writes.

Each of them ends in an image or an error, soon and in little memory, in MuPDF as in poppler: measured when the set was
made, under 3 s and 300 MB. Files that do worse are not in this repository, nor how to make them. We have met pages of
nested forms, patterns, meshes, paths and annotations that never end; content, fonts, profiles and images that inflate
to gigabytes, or are declared as large; a chain of filters for which MuPDF asks for impossible memory; and structure
tags for which its display list never ends. The guards against all of them are tested by test_guards.py, with readers
that misbehave on command.
"""
