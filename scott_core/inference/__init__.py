"""Fast inference of a trained network: the engine, its feature cache, and layers that replace torch's own."""
