"""One postrider for the whole machine: what a call costs through the runner's socket and through the drop program, alone and with 16
callers at once, compared with the bare program and the others; what the idle runner uses; and the sizes of the programs."""

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import statistics
import subprocess
import time

import contenders
import submit
from memory import status, ticks
from submit import verdict

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
DROP = pathlib.Path("/var/spool/postrider/drop")
QUEUE = pathlib.Path("/var/spool/postrider/queue")
SOCKET = pathlib.Path("/run/postrider/submit")
ALLOWED_EXTRA_MS = {"socket": 0.7, "drop": 1.4}
ALLOWED_RATIO = {"socket": 1.5, "drop": 2.0}
CALLERS = 16
CALLS_AT_ONCE = 800
ROUNDS = 3
OF_BARE = 0.7
REST_SECONDS = 70
IDLE_SECONDS = 60
IDLE_KIB = 8 * 1024
SIZES_KIB = {"postrider": 8 * 1024, "sendmail": 2560, "postrider-drop": 400, "postrider-mailbox": 450}


def measure(target, folder, calls):
    others = contenders.all_of(target, folder)
    if os.geteuid() != 0:
        print("not root: nothing is installed, so skipping the system-wide programs")
        return
    bare, others = others[0], others[2:]
    installed(target, folder)
    path = folder / "10KiB"
    path.write_bytes(submit.message())
    contender = lambda name, spool: contenders.contender(name, folder / "bare", [target / "sendmail", "-t"], {}, spool)
    # ext4 takes long to find an inode if many were freed within the last minute, or within five if that is not on disk yet. Earlier
    # runs must not count, and the socket is measured before the drop, whose files pickup removes.
    os.sync()
    time.sleep(REST_SECONDS)
    with runner(target, folder):
        ours = contender("socket", QUEUE)
        in_turn([bare, ours, *others], path, calls)
        at_once(folder, path, [bare, ours, *others])
    ours = contender("drop", DROP)
    in_turn([bare, ours, *others], path, calls)
    at_once(folder, path, [bare, ours, *others])
    with runner(target, folder) as pid:
        wait_until("the runner has picked up what was dropped", lambda: not any(DROP.iterdir()))
        subprocess.run([target / "postrider", "queue", "delete", "--all"], check=True, stdout=subprocess.DEVNULL)
        time.sleep(IDLE_SECONDS)
        print(f"the runner {IDLE_SECONDS} s after thousands of messages: {status(pid)['VmRSS']} KiB resident")
    with runner(target, folder) as pid:
        idle(pid)
    shutil.rmtree(DROP.parent)
    sizes(target)


@contextlib.contextmanager
def runner(target, folder):
    """One that listens; its process id."""
    with open(folder / "runner.log", "wb") as log:
        process = subprocess.Popen([target / "postrider", "run"], stderr=log, env=contenders.PATH)
    try:
        # The socket file of a runner that has ended may still exist.
        wait_until("the runner listens", lambda: is_answered(SOCKET))
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def is_answered(path):
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def installed(target, folder):
    """As contrib/install.sh does it, on an overlay over /usr and an empty /run of this process's own mount namespace."""
    own = contenders.fresh(folder, "usr")
    # No set-group-id file must remain on the disk.
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", own], check=True)
    for name in ("new", "work"):
        (own / name).mkdir()
    options = f"lowerdir=/usr,upperdir={own}/new,workdir={own}/work"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", "/usr"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"], check=True)
    install = ["sh", SOURCE / "contrib/install.sh", "--programs", target, "--move-aside"]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    config = pathlib.Path("/etc/postrider/config.toml")
    config.write_text(
        'hostname = "homebox.localdomain.local"\norigin = "localdomain.local"\n'
        'generic = [{ "@localdomain.local" = "me@isp.example" }]\n'
        '[account.isp]\nrelay = "[127.0.0.1]:9"\nusername = "me"\npassword = { file = "/etc/postrider/secrets/isp" }\n'
        'senders = ["@localdomain.local"]\n'
    )
    secret = pathlib.Path("/etc/postrider/secrets/isp")
    secret.write_text("secret\n")
    runner = pwd.getpwnam("postrider")
    for file in (config, secret):
        os.chown(file, 0, runner.pw_gid)
        file.chmod(0o640)


def wait_until(what, holds):
    end = time.monotonic() + 60
    while not holds():
        if time.monotonic() > end:
            raise SystemExit(f"timed out after a minute: {what}")
        time.sleep(0.02)


def in_turn(entrants, path, calls):
    times = submit.interleaved(entrants, path, calls)
    way = entrants[1].name
    submit.table(f"through the {way}: sendmail -t, 10 KiB, {calls} calls each, interleaved", times)
    medians = {name: statistics.median(values) for name, values in times.items()}
    submit.judge(medians, way, ALLOWED_RATIO[way], ALLOWED_EXTRA_MS[way])


def at_once(folder, path, entrants):
    program = folder / "callers"
    subprocess.run(["cc", "-O2", "-Wall", "-o", program, HERE / "callers.c"], check=True)
    rates = {entrant.name: [] for entrant in entrants}
    for _ in range(ROUNDS):
        for entrant in entrants:
            command = [program, str(CALLERS), str(CALLS_AT_ONCE), path, *entrant.argv]
            with open(entrant.told, "wb") as told:
                done = subprocess.run(command, env=entrant.environment, stdout=subprocess.PIPE, stderr=told, check=False)
            if done.returncode != 0:
                raise SystemExit(f"{entrant.name} failed: {pathlib.Path(entrant.told).read_text(errors='replace')}")
            rates[entrant.name].append(CALLS_AT_ONCE / float(done.stdout))
    way = entrants[1].name
    print(f"through the {way}: {CALLERS} callers at once, messages a second, best of {ROUNDS} rounds of {CALLS_AT_ONCE}:")
    best = {name: max(values) for name, values in rates.items()}
    for name, rate in best.items():
        print(f"  {name:22}{rate:9.0f}{rate / best['bare']:9.2f} x bare")
    verdict(f"at least {OF_BARE} of the bare program's", best[way] >= OF_BARE * best["bare"])


def idle(pid):
    wakes = lambda: int(
        next(line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("voluntary")).split()[1]
    )
    time.sleep(IDLE_SECONDS)
    before, spent = wakes(), ticks(pid)
    time.sleep(IDLE_SECONDS)
    woken, spent = wakes() - before, ticks(pid) - spent
    resident = status(pid)["VmRSS"]
    print(f"the runner after {IDLE_SECONDS} s with nothing to do, for another {IDLE_SECONDS} s:")
    verdict(f"{resident} KiB resident, under {IDLE_KIB}", resident < IDLE_KIB)
    verdict(f"{woken} wake-ups, {spent} ticks of processor time", spent == 0)


def sizes(target):
    for name, limit in SIZES_KIB.items():
        size = (target / name).stat().st_size / 1024
        verdict(f"{name}: {size:.0f} KiB, under {limit}", size < limit)
