"""A line fitted online through points that fade: y = intercept + slope * x.

Means and centred sums are updated point by point (Welford, West), never as differences of large sums, so a price far
from zero costs no digits. A point counts with its share: points that overlap in time count less than one.
"""

from typing import Final

import numpy as np

from polaris.domain.kernel import kernel

LINE: Final = [("weight", "<f8"), ("mean_x", "<f8"), ("mean_y", "<f8"), ("xx", "<f8"), ("xy", "<f8"), ("yy", "<f8")]
CERTAIN = 1e6  # the t of a line without a residual


@kernel
def learn(line, keep, share, x, y):  # type: ignore[no-untyped-def]
    """Let a point into the line.

    line   record with the fields LINE
    keep   what is left of the weight of all points before, 0..1
    share  weight of this point, > 0
    """
    weight = line["weight"] * keep + share
    dx, dy = x - line["mean_x"], y - line["mean_y"]
    mean_x = line["mean_x"] + dx * (share / weight)
    mean_y = line["mean_y"] + dy * (share / weight)
    line["xx"] = line["xx"] * keep + share * dx * (x - mean_x)
    line["xy"] = line["xy"] * keep + share * dx * (y - mean_y)
    line["yy"] = line["yy"] * keep + share * dy * (y - mean_y)
    line["weight"] = weight
    line["mean_x"] = mean_x
    line["mean_y"] = mean_y


@kernel
def fit(line):  # type: ignore[no-untyped-def]
    """(slope, t statistic of the slope); (0, 0) where there are too few points or x never moved."""
    if line["weight"] <= 2.0 or line["xx"] <= 0.0:
        return 0.0, 0.0
    slope = line["xy"] / line["xx"]
    variance = (line["yy"] - slope * line["xy"]) / (line["weight"] - 2.0) / line["xx"]
    if slope * slope >= CERTAIN * CERTAIN * variance:
        return slope, CERTAIN if slope > 0.0 else (-CERTAIN if slope < 0.0 else 0.0)
    return slope, slope / np.sqrt(variance)


@kernel
def evidence(t, threshold):  # type: ignore[no-untyped-def]
    """The share of an estimate that is more than noise, in [0, 1): 1 - (threshold / t)^2, 0 where |t| is below it.

    Source: James and Stein (1961), the positive-part estimator; threshold 1 is one standard error.
    """
    ratio = t * t
    limit = threshold * threshold
    return 1.0 - limit / ratio if ratio > limit else 0.0
