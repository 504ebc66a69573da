"""Other ways to score pairs: keypoint matchers, an image embedding, and the embedding of the salient object."""
