"""Ranks drafts by weighted features and turns the margin into a calibrated confidence."""

import math
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from tomllib import loads

LOW = 0.1
"""Chances below this are called by their own name; above, the scale bends towards `half` and `high`."""


@lru_cache(maxsize=1)
def weights() -> tuple[Mapping[str, float], Mapping[str, float], Mapping[str, float]]:
    """Weights of the ranking, of the confidence, and its scale, as fitted on questions with known answers."""
    raw = loads(files("assistant.offline").joinpath("weights.toml").read_text(encoding="utf-8"))
    return raw["rank"], raw["confidence"], raw["scale"]


def score(features: Mapping[str, float]) -> float:
    """How likely a draft is beside its neighbours; only differences mean something."""
    known = weights()[0]
    return sum(known.get(name, 0.0) * value for name, value in features.items())


def confidence(features: Mapping[str, float]) -> float:
    """How sure to be of the best draft, between 0 and 1.

    Careful rather than fair in the middle: of answers called 0.5 or more, four in five are right; of those
    called 0.8 or more, nine in ten.
    """
    _, known, scale = weights()
    total = known.get("base", 0.0) + sum(known.get(name, 0.0) * value for name, value in features.items())
    total = max(-30.0, min(30.0, total))
    knots = ((LOW, LOW), (scale["half"], 0.5), (scale["high"], 0.8))
    if total <= _logit(LOW):
        return 1 / (1 + math.exp(-total))
    (x0, y0), (x1, y1) = knots[:2] if total <= _logit(knots[1][0]) else knots[1:]
    slope = (_logit(y1) - _logit(y0)) / (_logit(x1) - _logit(x0))
    return 1 / (1 + math.exp(-(_logit(y0) + slope * (total - _logit(x0)))))


def _logit(chance: float) -> float:
    return math.log(chance / (1 - chance))
