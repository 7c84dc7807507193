"""The store's thread: what a database does wrong ends the store with a reason, never the desk."""

import numpy as np
from sqlalchemy.exc import OperationalError

from polaris.app import run
from polaris.app.run import StoreThread
from polaris.domain.orders import RECORD


class FullDisk:
    """A projection whose database has no room left."""

    def __init__(self, url):
        pass

    def catch_up(self, directory):
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    def close(self):
        pass


def test_a_full_disk_ends_the_store_with_its_reason_and_nothing_piles_up(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "Projection", FullDisk)
    store = StoreThread("sqlite://", tmp_path, instruments=None)
    store.start()
    store._thread.join(60)
    assert not store._thread.is_alive()
    assert "disk is full" in store.error
    store.hear(np.zeros(1, RECORD))
    assert store._fresh.empty()
    store.close()
