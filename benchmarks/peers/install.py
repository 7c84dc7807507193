"""Make one environment a peer under .venv-peers: their dependencies contradict each other.

usage: python benchmarks/peers/install.py [peer ...]
Needs Python 3.12 for nautilus; the others run on 3.11 too. What can't be installed is said and left out.
"""

import subprocess
import sys
from pathlib import Path

ENVIRONMENTS = Path(__file__).resolve().parents[2] / ".venv-peers"
PEERS = {
    "hftbacktest": ("hftbacktest==2.4.4",),
    "nautilus": ("nautilus_trader==1.231.0",),
    "cryptofeed": ("cryptofeed==2.4.1",),
    "ccxt": ("ccxt==4.5.90",),  # MIT
    "vectorbt": ("vectorbt==1.2.0", "vectorbt-rust"),
}


def python():
    """Python 3.12, what every peer here runs on, where the machine has it; else the one running this."""
    try:
        subprocess.run(["python3.12", "-c", ""], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return sys.executable
    return "python3.12"


def install(peer):
    """Make the environment of one peer; nothing is done where it stands already."""
    folder = ENVIRONMENTS / peer
    if (folder / "done").exists():
        print(f"{peer}: installed")
        return
    subprocess.run([python(), "-m", "venv", folder], check=True)
    done = subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEERS[peer]], check=False)
    if done.returncode == 0:
        (folder / "done").touch()
    print(f"{peer}: {'installed' if done.returncode == 0 else 'could not be installed'}")


if __name__ == "__main__":
    for name in sys.argv[1:] or PEERS:
        install(name)
