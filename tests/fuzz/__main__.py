"""Attack one target, or all of them, for a while.

    python -m tests.fuzz NAME --seconds 60
    python -m tests.fuzz all --seconds 180
    python -m tests.fuzz NAME --again FILE      one input that was found

With atheris (pip install 'polaris-synapse[fuzz]') the attacks follow the coverage of the code they reach; without it they are hypothesis's
mutations of the seeds. What was learned is kept in data/fuzz/NAME, an input that broke something beside it, by its name.
"""

import argparse
import subprocess
import sys
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

ROOT = Path("data/fuzz")
SOURCES = Path("src/polaris")
LONGEST = 8192  # bytes of an input


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Attack the exchange's parsers.")
    asked.add_argument("name", help="a target, or: all")
    asked.add_argument("--seconds", type=int, default=60)
    asked.add_argument("--again", type=Path, help="only this input")
    told = asked.parse_args()
    if told.name == "all":
        return _all(told.seconds)
    if told.again is not None:
        from tests.fuzz.target import Siege

        with Siege(told.name) as siege:
            siege.attack(told.again.read_bytes())
        print(f"{told.name}: {told.again} is withstood")
        return 0
    if find_spec("atheris") is not None:
        return _by_coverage(told.name, told.seconds)
    print("atheris is not installed (pip install 'polaris-synapse[fuzz]'; Linux, Python 3.11 to 3.13): hypothesis alone, which does not see coverage")
    return _by_hypothesis(told.name, told.seconds)


def _all(seconds: int) -> int:
    from tests.fuzz.target import NAMES

    worst = 0
    for name in NAMES:
        print(f"--- {name}", flush=True)
        worst = max(worst, subprocess.run([sys.executable, "-m", "tests.fuzz", name, "--seconds", str(seconds)], check=False).returncode)
    return worst


def _by_coverage(name: str, seconds: int) -> int:
    """Does not return where libFuzzer ends the process."""
    import atheris

    for module in _compiled():
        import_module(module)
    with atheris.instrument_imports(include=["polaris"]):
        from tests.fuzz.target import Siege

        siege = Siege(name)
    from tests.fuzz.mutations import WORDS

    folder = ROOT / name
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for place, seed in enumerate(siege.target.SEEDS):
        (corpus / f"seed-{place:02d}").write_bytes(seed)
    words = folder / "words"
    words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in WORDS if 0 < len(word) <= 60))
    print(f"{name}: an input that breaks something is kept in {folder.resolve()}/found-*", flush=True)
    options = [f"-max_total_time={seconds}", f"-artifact_prefix={folder}/found-", f"-dict={words}", f"-max_len={LONGEST}", "-timeout=20", "-rss_limit_mb=4096", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], siege.attack)
    atheris.Fuzz()
    return 0


def _compiled() -> list[str]:
    """The exchange's modules with kernels: what numba reads must be as it was written, so they are loaded first."""
    paths = [path for path in (SOURCES / "exchange").rglob("*.py") if "polaris.domain.kernel import" in path.read_text()]
    return [".".join(("polaris", *path.relative_to(SOURCES).with_suffix("").parts)) for path in sorted(paths)]


def _by_hypothesis(name: str, seconds: int) -> int:
    from hypothesis import HealthCheck, Phase, given, settings

    from tests.fuzz.mutations import mutated
    from tests.fuzz.target import Siege

    until = time.monotonic() + seconds
    with Siege(name) as siege:
        last = b""

        @settings(max_examples=1000, deadline=None, database=None, phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck))
        @given(mutated(siege.target.SEEDS))
        def attacked(data: bytes) -> None:
            nonlocal last
            last = data
            siege.attack(data)

        try:
            while time.monotonic() < until:
                attacked()
        except BaseException:
            found = ROOT / name / f"found-{int(time.time())}"
            found.parent.mkdir(parents=True, exist_ok=True)
            found.write_bytes(last)
            print(f"{name}: after {siege.attacks} attacks one broke something; it is kept in {found.resolve()}")
            raise
        print(f"{name}: {siege.attacks} attacks withstood")
    return 0


if __name__ == "__main__":
    sys.exit(main())
