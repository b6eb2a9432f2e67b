"""What a process remembers of the store, each thing with the version it was read at."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any


class Memo:
    """A bounded memory of values that stay good while their version stands; the longest unused goes first."""

    def __init__(self, size: int = 256) -> None:
        """Hold at most `size` values."""
        self._size = size
        self._held: OrderedDict[Hashable, tuple[int, Any]] = OrderedDict()

    def get(self, key: Hashable, version: int) -> Any | None:
        """The value kept for `key` at exactly `version`, or None."""
        held = self._held.get(key)
        if held is None or held[0] != version:
            return None
        self._held.move_to_end(key)
        return held[1]

    def put(self, key: Hashable, version: int, value: Any) -> None:
        """Keep `value` for `key`; an older version of it is let go."""
        self._held[key] = (version, value)
        self._held.move_to_end(key)
        while len(self._held) > self._size:
            self._held.popitem(last=False)
