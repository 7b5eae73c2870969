"""The number of threads follows what other programs leave."""

from mallku.engine.thread_count import ThreadCount


def steps(threads, share, seconds):
    """Let steps of 50 ms pass in which the leading thread runs for a share of the time; return the counts seen."""
    seen = []
    for _ in range(int(seconds / 0.05)):
        threads.observe(0.05 * share, 0.05)
        seen.append(threads.count)
    return seen


def test_an_idle_machine_keeps_all_threads():
    assert set(steps(ThreadCount(4), 0.95, 30)) == {4}


def test_a_crowded_machine_is_left_to_one_thread_after_another_but_never_none():
    assert steps(ThreadCount(3), 0.3, 5)[-1] == 1


def test_threads_come_back_when_the_machine_is_free_again():
    threads = ThreadCount(2)
    steps(threads, 0.3, 1)

    assert steps(threads, 0.97, 10)[-1] == 2


def test_trials_that_fail_become_rare():
    threads = ThreadCount(2)
    trials = 0
    for _ in range(20 * 120):
        before = threads.count
        threads.observe(0.05 * (0.97 if before == 1 else 0.4), 0.05)
        trials += threads.count > before

    assert 1 <= trials <= 6
