"""What is to be made and by what: places, plan, weights, device, and what became of earlier runs; without Prefect."""
