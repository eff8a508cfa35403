"""The two catalogs that are read: garments and styles, row by row, and their contents."""
