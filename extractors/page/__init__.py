"""What a page paints, as placements: MuPDF, in the reader's process alone."""
