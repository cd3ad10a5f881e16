from bench.load import Load, Spread, percentile


def test_a_percentile_is_a_value_that_was_measured() -> None:
    hundred = [float(n) for n in range(100, 0, -1)]

    assert percentile(hundred, 50) == 50
    assert percentile(hundred, 95) == 95
    assert percentile(hundred, 99) == 99
    assert percentile(hundred, 100) == 100
    assert percentile([7.0], 99) == 7
    assert percentile([], 99) == 0


def test_the_99th_percentile_of_few_is_the_worst_of_them() -> None:
    assert percentile([1.0, 2.0, 40.0], 99) == 40


def test_a_load_reports_latencies_in_milliseconds() -> None:
    assert Load(latencies=[0.002, 0.004, 0.006]).percentile(50) == 4


def test_a_spread_is_the_median_between_its_ends() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert Spread.of([1.0, 2.0, 3.0, 10.0]) == Spread(2.5, 1.0, 10.0)
    assert Spread.of([]) == Spread(0.0, 0.0, 0.0)


def test_log_and_round_trips_are_shared_by_all_purchases_of_the_load() -> None:
    load = Load(seconds=1.0, purchases=8, done=10, wal_bytes=5000, round_trips=2)

    assert load.wal_bytes_per_purchase == 500
    assert load.round_trips_per_purchase == 0.2


def test_processor_time_is_that_of_the_time_that_counts() -> None:
    load = Load(seconds=2.0, purchases=1000, done=1200, database_cpu=0.5)

    assert load.database_microseconds == 1000


def test_a_load_that_came_to_nothing_divides_by_nothing() -> None:
    load = Load(seconds=0.0, wal_bytes=100, round_trips=1)

    assert load.per_second == 0
    assert load.database_microseconds == 0
    assert load.wal_bytes_per_purchase == 0
    assert load.round_trips_per_purchase is None


def test_a_load_keeps_the_first_failure_and_counts_all() -> None:
    load = Load()

    load.fail(100, RuntimeError("first"))
    load.fail(100, RuntimeError("second"))

    assert (load.failed, load.first_failure) == (200, "RuntimeError: first")
