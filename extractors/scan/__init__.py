"""Finds the images on the raster of a scanned page, with numpy and OpenCV; knows nothing of PDF."""
