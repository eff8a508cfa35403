"""The browser: a design catalog as a place to work, for merchandisers."""
