"""Calibration: of the times we said 70 %, was it 70 %?

Every outcome is scored with the probability that was told when the question was asked, so the score is out of sample
by construction. Scores fade like everything the ensemble knows. A mid that did not move counts as half a rise.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from polaris.desk.columns import Floats
from polaris.domain.kernel import kernel

BINS: Final = 10

# fields of a memory that keeps score
SCORES: Final = [
    ("outcomes", "<f8"),  # faded, each counted by its share
    ("brier", "<f8"),  # faded mean of (probability - outcome)^2
    ("told", "<f8", (BINS,)),  # by bin of the probability: faded weight,
    ("chance", "<f8", (BINS,)),  # sum of probabilities,
    ("rose", "<f8", (BINS,)),  # sum of outcomes
]


class Reliability(NamedTuple):
    """The reliability diagram, one entry a bin of the told probability."""

    weight: Floats  # outcomes in the bin, faded, each counted by its share
    told: Floats  # mean probability told; not a number where the bin is empty
    observed: Floats  # how often the mid rose; likewise
    brier: float  # 0 is perfect, 0.25 is a coin


@kernel
def score(memory, keep, share, probability, outcome):  # type: ignore[no-untyped-def]
    """Let one outcome into the score.

    memory       record with the fields SCORES
    keep         what is left of the weight of all before, 0..1
    share        weight of this one, > 0
    probability  as it was told, 0..1
    outcome      1 where the mid rose, 0 where it fell, 0.5 where it stayed
    """
    memory["outcomes"] = memory["outcomes"] * keep + share
    miss = probability - outcome
    memory["brier"] += (miss * miss - memory["brier"]) * (share / memory["outcomes"])
    for place in range(BINS):
        memory["told"][place] *= keep
        memory["chance"][place] *= keep
        memory["rose"][place] *= keep
    place = min(BINS - 1, int(probability * BINS))
    memory["told"][place] += share
    memory["chance"][place] += share * probability
    memory["rose"][place] += share * outcome


def reliability(memory: Any) -> Reliability:
    """Read the score out of one instrument's memory of the ensemble."""
    weight = np.array(memory["told"], np.float64)
    known = weight > 0
    told, observed = np.full(BINS, np.nan), np.full(BINS, np.nan)
    told[known] = memory["chance"][known] / weight[known]
    observed[known] = memory["rose"][known] / weight[known]
    return Reliability(weight, told, observed, float(memory["brier"]))
