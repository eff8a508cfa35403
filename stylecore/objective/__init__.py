"""The objective of one level: what is measured of pictures, how far they are from their targets, and the terms' sum."""
