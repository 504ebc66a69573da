"""A scorer in this process, fed with images from files and objects."""
