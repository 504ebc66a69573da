"""How a trained network is run fast: the engine, its feature cache, and layers that stand for torch's own."""
