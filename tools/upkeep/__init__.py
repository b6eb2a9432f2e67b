"""What the house does by itself: start what is scheduled, start again what was left out, begin with what is new."""

from tools.upkeep.registering import NIGHTLY, sync_by_itself
from tools.upkeep.starting import start_part, start_scheduled

__all__ = ["NIGHTLY", "start_part", "start_scheduled", "sync_by_itself"]
