"""Other ways of painting in a style, written from their papers, that the scoreboard compares the recipes with.

A rival is a painter: a content 1 x 3 x H x W and a style 1 x 3 x h x w, sRGB in [0, 1], to a picture 1 x 3 x H x W in
[0, 1]. No rival sees the garment's mask, as none of them takes one. Weights are read from the assets, never shipped.
"""
