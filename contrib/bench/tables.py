"""A generic table of 50,000 rows: time from the program's start to its first lookup, and memory use."""

import subprocess
import time

from contenders import PATH, fresh
from memory import status
from submit import verdict

ROWS = 50_000
MILLISECONDS = 100
KIB = 20 * 1024
CALLS = 11


def measure(target, folder):
    own = fresh(folder, "tables")
    with open(own / "generic", "w") as table:
        for number in range(ROWS):
            table.write(f"user{number}.of.some.length@home{number % 7}.lan\taccount{number}@isp.example\n")
    config = own / "config.toml"
    config.write_text(
        'hostname = "homebox.localdomain.local"\norigin = "localdomain.local"\nspool = "spool"\ngeneric = ["hash:generic"]\n'
        '[account.isp]\nrelay = "[127.0.0.1]:1"\n'
    )
    config.chmod(0o600)
    environment = {**PATH, "POSTRIDER_CONFIG": str(config)}
    call = [target / "postrider", "lookup", "generic", f"user{ROWS - 1}.of.some.length@home{(ROWS - 1) % 7}.lan"]
    # postrider waits for a table that has just been written; that wait is not measured.
    time.sleep(2.5)
    times = []
    for _ in range(CALLS):
        start = time.monotonic()
        answer = subprocess.run(call, env=environment, check=True, capture_output=True, text=True).stdout
        times.append((time.monotonic() - start) * 1000)
    if not answer.startswith(f"account{ROWS - 1}@isp.example"):
        raise SystemExit(f"a wrong answer: {answer}")
    middle = sorted(times)[CALLS // 2]
    print(f"a table of {ROWS} rows, start to first lookup:")
    verdict(f"{middle:.1f} ms, under {MILLISECONDS}", middle < MILLISECONDS)
    verdict(f"{peak(call, environment)} KiB at its peak, under {KIB}", 0 < peak(call, environment) < KIB)


def peak(call, environment):
    """The highest resident size seen while it ran."""
    highest = 0
    child = subprocess.Popen(call, env=environment, stdout=subprocess.DEVNULL)
    while child.poll() is None:
        highest = max(highest, status(child.pid).get("VmHWM", 0))
    return highest
