"""Does what systemd does with postrider.socket, postrider-drop.path and postrider.service, as far as it concerns a service that leaves
when it is idle: keeps the socket open and starts the service for a connection in its backlog, and for a file in drop/, also for one that
came before the service had ended. Usage: service_manager.py LOG PROGRAM [ARGUMENT...]; SIGTERM ends it with its socket, and the service."""

import os
import select
import signal
import socket
import subprocess
import sys

SUBMIT, DROP = "/run/postrider/submit", "/var/spool/postrider/drop"


def say(line):
    with open(sys.argv[1], "a") as log:
        print(line, file=log)


def start(listener):
    """The socket as its third descriptor, as sd_listen_fds(3) has it."""
    def pass_on():
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="postrider.socket")
        os.dup2(listener.fileno(), 3)
        os.set_inheritable(3, True)
        os.execvp(sys.argv[2], sys.argv[2:])
    return subprocess.Popen(["true"], preexec_fn=pass_on, close_fds=False)


def main():
    if os.path.exists(SUBMIT):
        os.unlink(SUBMIT)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(SUBMIT)
    os.chmod(SUBMIT, 0o666)
    listener.listen(256)
    service = None
    def end(*_):
        if service is not None:
            # Not by the object, whose wait this may have interrupted.
            os.kill(service.pid, signal.SIGTERM)
            os.wait()
        os._exit(0)
    signal.signal(signal.SIGTERM, end)
    say("listening")
    while True:
        has_client = bool(select.select([listener], [], [], 0.02)[0])
        reason = "client" if has_client else "drop" if os.listdir(DROP) else None
        if reason is None:
            continue
        say(f"start {reason}")
        service = start(listener)
        code = service.wait()
        service = None
        say(f"end {code}")


main()
