"""The ensemble: one forecast from many, by weights learned from what came after."""

from polaris.desk.ensemble.calibration import Reliability, reliability
from polaris.desk.ensemble.logistic import EnsembleSettings, ensemble

__all__ = ["EnsembleSettings", "Reliability", "ensemble", "reliability"]
