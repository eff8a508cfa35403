"""What a run is to make: its catalogs, recipe and device, the plan of designs, its checks and estimates; no Prefect."""
