"""A plan carried out: shards over workers, each tried again where that helps, and the report; without Prefect."""
