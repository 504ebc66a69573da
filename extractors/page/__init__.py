"""Reads the placements of a page with MuPDF. Only the reader's process imports this package."""
