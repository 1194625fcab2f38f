"""The first mail after the service has left because it had nothing to do, beside /bin/true started in the same way: what the start of
the runner costs whoever sends that mail."""

import os
import pathlib
import select
import socket
import statistics
import subprocess
import threading
import time

import contenders
import submit
import summary
import system

MOST_MS = 15
TIMES = 7
# As systemd does it, who knows the process id before the program starts.
START = ["/bin/sh", "-c", 'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"', "sh"]


def measure(target, folder):
    """Needs the system-wide installation of `system`."""
    own = contenders.fresh(folder, "idle")
    path = own / "10KiB"
    path.write_bytes(submit.message())
    entrant = contenders.contender("first mail", own, [target / "sendmail", "-t"], {}, system.QUEUE)
    listener = bound()
    config = pathlib.Path("/etc/postrider/config.toml")
    before = config.read_text()
    config.write_text(before + '[queue]\nidle_exit = "3s"\n')
    try:
        true = statistics.median(timed(lambda: start(listener, ["/bin/true"])) for _ in range(TIMES))
        cold, warm = [], []
        for _ in range(TIMES):
            service = threading.Thread(target=serve_once, args=(listener, target))
            service.start()
            cold.append(submit.call(entrant, path))
            warm.append(submit.call(entrant, path))
            held(target)
            service.join()
    finally:
        config.write_text(before)
        listener.close()
        system.SOCKET.unlink(missing_ok=True)
    cold, warm = statistics.median(cold), statistics.median(warm)
    above = cold - true
    print(f"first mail after idle exit: {cold:.1f} ms, with a runner {warm:.1f} ms; /bin/true started like the service {true:.1f} ms")
    submit.verdict(f"{above:.1f} ms above /bin/true, at most {MOST_MS}", above <= MOST_MS)
    summary.add("first mail after idle exit", f"{above:.1f} ms above /bin/true", f"{MOST_MS} ms", above <= MOST_MS)


def bound():
    system.SOCKET.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(system.SOCKET))
    system.SOCKET.chmod(0o666)
    listener.listen(256)
    return listener


def start(listener, command):
    actions = [(os.POSIX_SPAWN_DUP2, listener.fileno(), 3), (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
    # Also where it has that number already: the C library then lets it through exec.
    pid = os.posix_spawn(START[0], [*START, *map(str, command)], contenders.PATH, file_actions=actions)
    return os.waitpid(pid, 0)


def serve_once(listener, target):
    select.select([listener], [], [])
    start(listener, [target / "postrider", "run"])


def held(target):
    """Mail that waits would keep the runner. What it is just trying cannot be deleted yet."""
    command = [target / "postrider", "queue", "delete", "--all"]
    is_gone = lambda: subprocess.run(command, env=contenders.PATH, stdout=subprocess.DEVNULL, check=False).returncode == 0
    system.wait_until("what waited is deleted", is_gone)


def timed(act):
    begun = time.perf_counter_ns()
    act()
    return (time.perf_counter_ns() - begun) / 1e6
