"""What the house does by itself: start what is scheduled, what was left out and what is new; and its one backup."""

from tools.upkeep.backup import Held, back_up, restore
from tools.upkeep.registering import NIGHTLY, sync_by_itself
from tools.upkeep.starting import start_part, start_scheduled

__all__ = ["NIGHTLY", "Held", "back_up", "restore", "start_part", "start_scheduled", "sync_by_itself"]
