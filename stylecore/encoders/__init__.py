"""Encoders: frozen networks whose features content and style are compared by."""
