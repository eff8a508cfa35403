"""Picture files: to upright sRGB arrays and back, whatever their format, depth and colours."""
