"""Counts and durations in words, as messages and pages show them."""


def format_count(number: int, noun: str) -> str:
    """Return a number with its noun, as '1 design' or '2 designs'."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def format_duration(seconds: float) -> str:
    """Return a duration in seconds, minutes or hours, whichever reads best, as '90 s', '12 min' or '5.3 h'."""
    minutes = seconds / 60
    return (
        f"{seconds:.0f} s"
        if minutes < 2
        else f"{minutes:.0f} min"
        if minutes < 120
        else f"{minutes / 60:.1f} h"
    )
