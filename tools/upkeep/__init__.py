"""What the house does by itself: start what is scheduled, and start again what was left out."""

from tools.upkeep.starting import start_part, start_scheduled

__all__ = ["start_part", "start_scheduled"]
