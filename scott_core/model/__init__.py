"""The network as nn.Modules (paper, sections 4.1 and 4.2); it knows nothing of how it is run."""
