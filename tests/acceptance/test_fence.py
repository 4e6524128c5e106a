"""One instance, several starts: the newest reads, each older one ends with 75, and no line is stored twice."""

from contextlib import ExitStack

from daemon_kit import Lines, RunningDaemon, backend_pids, running
from fault_proxy import FaultProxy
from fix_postgres import Database, Server
from process_kit import wait_until

FENCED = 75


def says_that_it_was_fenced(daemon: RunningDaemon) -> None:
    assert daemon.ended() == FENCED, daemon.log
    assert "another radiolog was started for the same folders" in daemon.log
    assert "Traceback" not in daemon.log


def test_a_daemon_that_was_paused_for_long_wakes_up_and_stores_nothing(database: Database) -> None:
    """Its files were read on by another start meanwhile; what it had read and not stored is not stored by it."""
    lines = Lines(database)
    lines.append()
    with running(database.config, "old") as old:
        lines.wait("the first daemon reads")
        old.pause()
        lines.append()
        with running(database.config, "new") as new:
            lines.wait("the second daemon reads on")
            old.go_on()
            lines.append()
            says_that_it_was_fenced(old)
            lines.wait("the second daemon still reads")
            new.stop()
    lines.hold()


def test_what_an_older_daemon_has_read_is_not_stored_after_the_newer_one_stored_it(
    database: Database, server: Server
) -> None:
    """Its commit was on its way when the newer one took over; the compare-and-set refuses it."""
    lines = Lines(database)
    with FaultProxy(server) as proxy, running(proxy.config(database.config), "old") as old:
        lines.append()
        lines.wait("the first daemon reads")
        proxy.arm("hold", b"UPDATE ingest_files SET\n")
        lines.append()
        wait_until(lambda: proxy.done["hold"] == 1, "a commit that has just begun")
        with running(database.config, "new") as new:
            lines.wait("the second daemon has stored the lines")
            proxy.release()
            says_that_it_was_fenced(old)
            assert "23505" not in old.log  # the unique keys of rows, behind the compare-and-set, were not needed
            lines.append()
            lines.wait("the second daemon still reads")
            new.stop()
    lines.hold()


def test_a_daemon_paused_inside_a_transaction_holds_up_the_next_for_seconds(database: Database, server: Server) -> None:
    """The server ends its transaction (idle_in_transaction_session_timeout), and with it its locks."""
    lines = Lines(database)
    with FaultProxy(server) as proxy, running(proxy.config(database.config), "old") as old:
        lines.append()
        lines.wait("the first daemon reads")
        proxy.arm("silence_after", b"COPYDONE")
        (stuck,) = backend_pids(database)
        lines.append()
        wait_until(lambda: proxy.done["silence_after"] == 1, "a transaction that does not go on")
        old.pause()
        with running(database.config, "new") as new:
            lines.wait("the second daemon has the lines")
            assert stuck not in backend_pids(database)
            proxy.heal()
            old.go_on()
            lines.append()
            says_that_it_was_fenced(old)
            lines.wait("the second daemon still reads")
            new.stop()
    lines.hold()


def test_a_daemon_paused_in_the_middle_of_copy_is_waited_for(database: Database, server: Server) -> None:
    """No timeout of the server ends that transaction: the next daemon says what it waits for, until the first one moves."""
    lines = Lines(database)
    with FaultProxy(server) as proxy, running(proxy.config(database.config), "old") as old:
        lines.append()
        lines.wait("the first daemon reads")
        proxy.arm("hold", b"COPYDONE")
        lines.append()
        wait_until(lambda: proxy.done["hold"] == 1, "rows without an end")
        old.pause()
        with running(database.config, "new") as new:
            new.wait_for("database_unavailable", "55P03")
            proxy.release()
            old.go_on()
            says_that_it_was_fenced(old)
            lines.append()
            lines.wait("the second daemon reads on")
            new.stop()
    lines.hold()


def test_five_daemons_started_over_each_other(database: Database) -> None:
    lines = Lines(database)
    lines.append()
    with ExitStack() as running_ones:
        daemons = []
        for number in range(5):
            daemons.append(running_ones.enter_context(running(database.config, f"daemon{number}")))
            lines.append()
        newest = wait_for_the_last(daemons)
        lines.append()
        lines.wait("the one that is left reads")
        for daemon in daemons:
            if daemon is not newest:
                says_that_it_was_fenced(daemon)
        newest.stop()
    lines.hold()
    assert database.rows("SELECT epoch FROM ingest_instances") == [(5,)]


def wait_for_the_last(daemons: list[RunningDaemon]) -> RunningDaemon:
    """Started at the same time, any of them may be the one that took over last."""
    wait_until(lambda: sum(daemon.process.poll() is None for daemon in daemons) == 1, "four of five have ended")
    return next(daemon for daemon in daemons if daemon.process.poll() is None)


def test_a_service_that_was_fenced_is_started_again_and_the_other_stays_out(database: Database) -> None:
    """As systemd does it (Restart=on-failure): a daemon started by hand beside the service does not leave it stopped."""
    lines = Lines(database)
    lines.append()
    with running(database.config, "service") as service:
        lines.wait("the service reads")
        with running(database.config, "hand") as by_hand:
            says_that_it_was_fenced(service)
            with running(database.config, "restarted") as restarted:
                says_that_it_was_fenced(by_hand)
                lines.append()
                lines.wait("the service reads again")
                restarted.stop()
    lines.hold()
