"""The line sheet: a PDF of a cover, designs in a grid and notes, with text in any script."""
