"""The designs of a shard on one device: pictures become tensors, are painted, and are filed with their records."""
