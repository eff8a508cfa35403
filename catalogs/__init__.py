"""What exists in storage, as records: garments, styles and designs."""
