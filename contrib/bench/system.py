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
import summary
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
FLUSHED = 40
ROUNDS = 3
OF_BARE = 0.7
REST_SECONDS = 70
IDLE_SECONDS = 60
IDLE_KIB = 8 * 1024
# All but the first are linked statically, and so bring their part of the C library.
SIZES_KIB = {"postrider": 10 * 1024, "sendmail": 3072, "postrider-drop": 1280, "postrider-mailbox": 1280}


def measure(target, folder, calls, further=()):
    """`further` measure the same installation."""
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
        in_turn([bare, ours, *others], path, calls, wanted=1.0)
        at_once(folder, path, [bare, ours, *others], wanted=1.0)
        flushes(target, path)
    ours = contender("drop", DROP)
    in_turn([bare, ours, *others], path, calls, wanted=1.4)
    at_once(folder, path, [bare, ours, *others], wanted=0.75)
    with runner(target, folder) as pid:
        wait_until("the runner has picked up what was dropped", lambda: not any(DROP.iterdir()))
        subprocess.run([target / "postrider", "queue", "delete", "--all"], check=True, stdout=subprocess.DEVNULL)
        time.sleep(IDLE_SECONDS)
        print(f"the runner {IDLE_SECONDS} s after thousands of messages: {status(pid)['VmRSS']} KiB resident")
    with runner(target, folder) as pid:
        idle(pid)
    for more in further:
        more(target, folder)
    shutil.rmtree(DROP.parent)
    sizes(target)


def intake(target, folder, calls):
    """The ways in alone, where each flush of the disk takes long."""
    submit.measure(target, folder, calls, wanted=0.55)
    bare, others = contenders.all_of(target, folder)[0], contenders.all_of(target, folder)[2:]
    installed(target, folder)
    path = folder / "10KiB"
    ours = contenders.contender("socket", folder / "bare", [target / "sendmail", "-t"], {}, QUEUE)
    with runner(target, folder):
        in_turn([bare, ours, *others], path, calls, wanted=0.55)
        at_once(folder, path, [bare, ours, *others], wanted=1.5, calls=4 * calls)
    shutil.rmtree(DROP.parent)


def flushes(target, path):
    """Flush calls of the runner for each message that it accepts, while nothing is delivered."""
    if shutil.which("strace") is None:
        print("strace is not installed: flush calls are not counted")
        return
    pid = subprocess.run(["pgrep", "-ox", "postrider"], check=True, capture_output=True, text=True).stdout.strip()
    told = DROP.parent / "flushes"
    command = ["strace", "-f", "-qq", "-o", told, "-e", "trace=fsync,fdatasync,sync,syncfs", "-p", pid]
    trace = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_until("strace follows", lambda: "TracerPid:\t0\n" not in pathlib.Path(f"/proc/{pid}/status").read_text())
    for _ in range(FLUSHED):
        with open(path, "rb") as message:
            subprocess.run([target / "sendmail", "-t"], stdin=message, env=contenders.PATH, check=True)
    trace.terminate()
    trace.wait()
    counted = [line for line in told.read_text().splitlines() if "sync(" in line or "syncfs(" in line]
    told.unlink()
    each, wanted = len(counted) / FLUSHED, 1 if syncs_names_with_files(QUEUE) else 2
    where = "" if wanted == 1 else " (this file system needs two: see postrider-formats(5))"
    verdict(f"{each:.2f} flush calls for each accepted message, {wanted}{where}", each <= wanted + 0.05)
    summary.add("flush calls per accepted mail", f"{each:.2f}{where}", f"{wanted}", each <= wanted + 0.05)


def syncs_names_with_files(folder):
    """As src/drop/file_system.rs decides, but for mount options."""
    asked = ["stat", "--file-system", "--format", "%T", folder]
    kind = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    device = folder.stat().st_dev
    block = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
    journal = pathlib.Path(f"/sys/fs/ext4/{block}/journal_task")
    return kind in ("xfs", "btrfs") or (journal.exists() and journal.read_text().strip().isdigit())


@contextlib.contextmanager
def runner(target, folder):
    """One that listens; its process id."""
    with open(folder / "runner.log", "wb") as log:
        environment = {**contenders.PATH, **of_the_unit()}
        process = subprocess.Popen([target / "postrider", "run"], stderr=log, env=environment)
    try:
        # The socket file of a runner that has ended may still exist.
        wait_until("the runner listens", lambda: is_answered(SOCKET))
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def of_the_unit():
    """The environment that systemd gives it."""
    lines = (HERE.parent / "systemd/postrider.service").read_text().splitlines()
    settings = [line.removeprefix("Environment=").split() for line in lines if line.startswith("Environment=")]
    return dict(setting.split("=", 1) for line in settings for setting in line)


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


def in_turn(entrants, path, calls, wanted):
    times = submit.interleaved(entrants, path, calls)
    way = entrants[1].name
    submit.table(f"through the {way}: sendmail -t, 10 KiB, {calls} calls each, interleaved", times)
    medians = {name: statistics.median(values) for name, values in times.items()}
    submit.judge(medians, way, ALLOWED_RATIO[way], ALLOWED_EXTRA_MS[way])
    submit.summarize(f"{way}, one call", medians, way, wanted)


def at_once(folder, path, entrants, wanted, calls=CALLS_AT_ONCE):
    program = folder / "callers"
    subprocess.run(["cc", "-O2", "-Wall", "-o", program, HERE / "callers.c"], check=True)
    rates = {entrant.name: [] for entrant in entrants}
    for _ in range(ROUNDS):
        for entrant in entrants:
            command = [program, str(CALLERS), str(calls), path, *entrant.argv]
            with open(entrant.told, "wb") as told:
                done = subprocess.run(command, env=entrant.environment, stdout=subprocess.PIPE, stderr=told, check=False)
            if done.returncode != 0:
                raise SystemExit(f"{entrant.name} failed: {pathlib.Path(entrant.told).read_text(errors='replace')}")
            rates[entrant.name].append(calls / float(done.stdout))
    way = entrants[1].name
    print(f"through the {way}: {CALLERS} callers at once, messages a second, best of {ROUNDS} rounds of {calls}:")
    best = {name: max(values) for name, values in rates.items()}
    for name, rate in best.items():
        print(f"  {name:22}{rate:9.0f}{rate / best['bare']:9.2f} x bare")
    verdict(f"at least {OF_BARE} of the bare program's", best[way] >= OF_BARE * best["bare"])
    others = ", ".join(f"{name} {rate / best['bare']:.2f}" for name, rate in best.items() if name not in ("bare", way))
    told = f"{best[way] / best['bare']:.2f} x bare's rate" + (f" ({others})" if others else "")
    summary.add(f"{way}, {CALLERS} callers", told, f"{wanted} x", best[way] >= wanted * best["bare"])


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
