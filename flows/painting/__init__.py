"""The designs of a shard, from the pictures of a catalog to filed records, on one device."""
