"""The scoreboard: our recipes beside what else paints a picture in a style, on twenty real pairs, in one run."""
