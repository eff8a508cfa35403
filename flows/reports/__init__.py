"""What a run tells while it is on, and leaves for people: report, page, progress, gauges."""
