"""Levels, zones and signals in the forms that charting programs read: frames in, text out."""
