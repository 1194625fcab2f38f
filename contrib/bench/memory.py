"""Memory use of front end and runner for a 100 MB message, and memory and processor use of the idle runner."""

import os
import pathlib
import signal
import subprocess
import time

from contenders import PATH, fresh
from sink import NAME, Sink
from submit import verdict

SIZE = 100_000_000
MEMORY_KIB = 12 * 1024
IDLE_KIB = 10 * 1024
IDLE_SECONDS = 20
PATIENCE_SECONDS = 300


def measure(target, folder):
    own = fresh(folder, "memory")
    sink = Sink(own)
    config = own / "config.toml"
    config.write_text(
        'hostname = "homebox.localdomain.local"\norigin = "localdomain.local"\ndelivery = "queue"\nspool = "spool"\n'
        f'[account.isp]\nrelay = "[127.0.0.1]:{sink.port}"\ntls = "implicit"\ntls_name = "{NAME}"\ntls_ca = "sink.crt"\n'
        'username = "me"\npassword = "secret"\n[queue]\nmax_message_size = "200MB"\n'
    )
    config.chmod(0o600)
    environment = {**PATH, "POSTRIDER_CONFIG": str(config)}
    big = own / "big"
    write_message(big)

    print("a message of 100 MB:")
    with open(big, "rb") as message:
        front = subprocess.Popen([target / "sendmail", "-t"], stdin=message, env=environment)
    front_kib = watch(front.pid, lambda: front.poll() is not None)
    if front.returncode != 0:
        raise SystemExit(f"sendmail failed: {front.returncode}")
    with open(own / "log", "wb") as log:
        runner = subprocess.Popen([target / "postrider", "run"], stderr=log, env=environment)
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        runner_kib = watch(runner.pid, lambda: sink.messages > 0 or runner.poll() is not None or time.monotonic() > end)
        if sink.messages == 0 or sink.octets < SIZE:
            raise SystemExit(f"the message did not arrive: {(own / 'log').read_text()}")
        verdict(f"front end {front_kib} KiB at its peak, under {MEMORY_KIB}", 0 < front_kib < MEMORY_KIB)
        verdict(f"runner {runner_kib} KiB at its peak, under {MEMORY_KIB}", 0 < runner_kib < MEMORY_KIB)
        idle(runner.pid)
    finally:
        runner.send_signal(signal.SIGTERM)
        runner.wait()
    big.unlink()


def write_message(path):
    line = b"The quick brown fox jumps over the lazy dog and mails what it saw.\n"
    with open(path, "wb") as file:
        file.write(b"To: friend@elsewhere.example\nSubject: big\n\n")
        for _ in range(SIZE // (len(line) * 1000) + 1):
            file.write(line * 1000)


def watch(pid, ended):
    """The highest resident size that the kernel has counted for the process until it ended. (The peak that wait4 gives would include
    this interpreter's own, from before exec.)"""
    peak = 0
    while not ended():
        peak = status(pid).get("VmHWM", peak)
        time.sleep(0.002)
    return status(pid).get("VmHWM", peak)


def idle(pid):
    time.sleep(3)
    before = ticks(pid)
    time.sleep(IDLE_SECONDS)
    spent = (ticks(pid) - before) / os.sysconf("SC_CLK_TCK")
    resident = status(pid)["VmRSS"]
    print(f"the runner for {IDLE_SECONDS} s with nothing to do:")
    verdict(f"{spent:.2f} s of processor time, 0", spent == 0)
    verdict(f"{resident} KiB resident, under {IDLE_KIB}", resident < IDLE_KIB)


def status(pid):
    """The sizes in /proc/PID/status, in KiB; none when it has ended."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}


def ticks(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return int(fields[11]) + int(fields[12])
