from polaris.exchange.gateway.disk import sync_times


def test_the_disk_is_measured_and_nothing_is_left(tmp_path):
    times = sync_times(tmp_path, 20)
    assert 0 < times.p50_us <= times.p99_us <= times.p999_us
    assert list(tmp_path.iterdir()) == []
