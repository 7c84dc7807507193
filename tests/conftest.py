"""Shared fixtures: where the recordings are, and how hypothesis behaves."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# on the way into the house every run tries the same examples; at home each tries new ones
settings.register_profile("polaris", deadline=None, derandomize=bool(os.environ.get("CI")), suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("polaris")

RECORDINGS = Path(os.environ.get("POLARIS_TEST_DATA") or Path(__file__).resolve().parent.parent.parent / "shared" / "data")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real recordings; skips where a clone has none."""
    if not RECORDINGS.is_dir():
        pytest.skip(f"no recordings at {RECORDINGS.name}/ (set POLARIS_TEST_DATA to run this test)")
    return RECORDINGS
