"""Photographs on the raster of a scanned page: numpy and OpenCV, no PDF."""
