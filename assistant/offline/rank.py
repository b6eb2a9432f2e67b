"""Ranks drafts by weighted features and turns the margin into a calibrated confidence."""

import math
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from tomllib import loads


@lru_cache(maxsize=1)
def weights() -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Weights of the ranking and of the confidence, as fitted by the benchmark."""
    raw = loads(files("assistant.offline").joinpath("weights.toml").read_text(encoding="utf-8"))
    return raw["rank"], raw["confidence"]


def score(features: Mapping[str, float]) -> float:
    """How likely a draft is beside its neighbours; only differences mean something."""
    known = weights()[0]
    return sum(known.get(name, 0.0) * value for name, value in features.items())


def confidence(features: Mapping[str, float]) -> float:
    """The chance that the best draft is right."""
    known = weights()[1]
    total = known.get("base", 0.0) + sum(known.get(name, 0.0) * value for name, value in features.items())
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))
