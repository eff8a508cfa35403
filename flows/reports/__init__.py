"""Reports of runs: progress, gauges and report while a run is on, and reports of earlier runs read back."""
