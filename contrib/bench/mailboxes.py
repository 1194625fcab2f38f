"""How fast waiting mail of 10 KiB gets into the Maildirs of ten users of the machine: the runner with postrider-mailbox, which also syncs
the directory of each message, and Postfix's local(8), on the same disk. Both have all of it in their queues, deferred, and are told to
send it."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import time

import contenders
import submit
import system
from scale_postfix import MASTER, Postfix
from submit import verdict

MESSAGES = 1000
USERS = 10
FIRST_UID = 21_000
ROUNDS = 2
PATIENCE = 300
HOMES = pathlib.Path("/home")
MAILBOX = "/usr/libexec/postrider/postrider-mailbox"


def measure(target, folder):
    if os.geteuid() != 0:
        print("not root: no mailboxes of others are written")
        return
    own = contenders.fresh(folder, "mailboxes")
    contenders.private_system(own)
    private_homes(own)
    # Before its name for sendmail belongs to postrider.
    others = [Postfix(own / f"postfix{number}") for number in range(ROUNDS)]
    system.installed(target, own)
    config = pathlib.Path("/etc/postrider/config.toml")
    config.write_text('mailbox = "maildir:~/Maildir"\n' + config.read_text())
    users()
    mail = submit.message()
    best = {}
    for other in others:
        for name, run in (("postrider", lambda: ours(target, own, mail)), ("Postfix", lambda: postfix(other, mail))):
            rate = run()
            best[name] = max(rate, best.get(name, 0))
            print(f"  {name:22}{rate:9.0f} messages a second", flush=True)
    ratio = best["postrider"] / best["Postfix"]
    verdict(f"{MESSAGES} messages into the Maildirs of {USERS} users: {ratio:.2f} of Postfix's rate", ratio >= 1.0)


def private_homes(own):
    """Homes of this process's own mount namespace, on the disk that is measured."""
    (own / "home").mkdir()
    subprocess.run(["mount", "--bind", own / "home", HOMES], check=True)


def users():
    with open("/etc/passwd", "a") as passwd, open("/etc/group", "a") as group:
        for number in range(USERS):
            uid = FIRST_UID + number
            passwd.write(f"user{number}:x:{uid}:{uid}::/home/user{number}:/bin/sh\n")
            group.write(f"user{number}:x:{uid}:\n")


def empty_homes():
    for number in range(USERS):
        home = HOMES / f"user{number}"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(mode=0o755)
        (home / ".profile").touch()
        os.chown(home, FIRST_UID + number, FIRST_UID + number)
    os.sync()


def delivered():
    return sum(len(os.listdir(new)) for new in HOMES.glob("user*/Maildir/new"))


def rate_of(begin):
    """Messages a second from this command on."""
    start = time.monotonic()
    process = begin()
    while delivered() < MESSAGES:
        if time.monotonic() > start + PATIENCE:
            raise SystemExit(f"timed out: {delivered()} of {MESSAGES} messages are delivered")
        time.sleep(0.005)
    rate = MESSAGES / (time.monotonic() - start)
    if process:
        process.terminate()
        process.wait()
    return rate


def ours(target, own, mail):
    empty_homes()
    with system.runner(target, own):
        for number in range(MESSAGES):
            to = f"user{number % USERS}"
            subprocess.run([target / "sendmail", to], input=mail, env=contenders.PATH, check=True)
        with listening():
            return rate_of(lambda: subprocess.Popen([target / "postrider", "flush"], stdout=subprocess.DEVNULL))


@contextlib.contextmanager
def listening():
    process = subprocess.Popen([MAILBOX, "--listen"])
    try:
        system.wait_until("the mailbox program listens", lambda: system.is_answered("/run/postrider/mailbox"))
        yield
    finally:
        process.terminate()
        process.wait()


def postfix(other, mail):
    empty_homes()
    directory = other.directory
    (directory / "etc/master.cf").write_text(MASTER + "local unix - n n - - local\n")
    main = (directory / "etc/main.cf").read_text().replace("mydestination =\n", "mydestination = home.lan\n")
    main += "myorigin = home.lan\nhome_mailbox = Maildir/\nlocal_recipient_maps =\n"
    (directory / "etc/main.cf").write_text(main + "defer_transports = local\n")
    other.control("start")
    try:
        for number in range(MESSAGES):
            command = [directory / "sendmail", f"user{number % USERS}@home.lan"]
            subprocess.run(command, input=mail, env=other.environment, check=True)
        system.wait_until("Postfix has deferred all", lambda: len(other.deferred()) == MESSAGES)
        (directory / "etc/main.cf").write_text(main)
        other.control("reload")
        return rate_of(lambda: subprocess.run(["postqueue", "-f"], env=other.environment, check=True) and None)
    finally:
        other.control("stop")
