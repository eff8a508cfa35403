"""Where catalogs lie: stores, their addresses and faults, Delta tables in them, and claims on work."""
