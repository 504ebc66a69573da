"""Training data: sources and packs on disk, a pack in memory, and the batches that are drawn from it and augmented."""
