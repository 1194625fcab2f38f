"""A cron job of root's that fails again and again, with the flood guard: a thousand mails a minute, another user's mail meanwhile, and an
alert of the same sender about a degraded RAID in the middle. What left when, in how many messages and bytes; and that every mail
arrived exactly once."""

import os
import pathlib
import re
import statistics
import subprocess
import threading
import time

import contenders
import rush
import system
from memory import status, ticks
from sink import Sink
from submit import verdict

PER_MINUTE = 1000
PER_HOUR = 5
OTHERS_SECONDS = 10
OTHER = "games"
MOST_SECONDS = 60
PATIENCE_SECONDS = 600
GUARD = f'\n[flood]\nsenders = ["root@localdomain.local"]\nper_hour = {PER_HOUR}\n'
TOKEN = re.compile(rb"token=([a-z]+)-(\d+)-")


class Inbox(Sink):
    """Keeps when each token came, and the sizes of messages."""

    def __init__(self, folder):
        self.arrived, self.digests, self.twice = {}, [], []
        super().__init__(folder)

    def take(self, lines):
        text = []
        while (line := lines.readline()) != b".\r\n":
            if not line:
                return False
            text.append(line)
        now, message = time.monotonic(), b"".join(text)
        self.octets += len(message)
        for token in TOKEN.findall(message):
            if token in self.arrived:
                self.twice.append(token)
            self.arrived[token] = now
        if b"multipart/digest" in message:
            self.digests.append((now, len(message), len(TOKEN.findall(message))))
        return True


class Senders:
    """Calls of sendmail: when each ended, and how long it took."""

    def __init__(self, target):
        self.target, self.sent, self.took = target, {}, {}

    def send(self, kind, number, subject, by=()):
        mail = (
            f"From: Cron Daemon <root>\nTo: admin@away.example\nSubject: {subject}\n\n"
            f"token={kind}-{number}-\nbackup: cannot reach the other disk\n" + "its log, line by line\n" * 20
        )
        self.octets = len(mail)
        began = time.monotonic()
        command = [*by, self.target / "sendmail", "-i", "admin@away.example"]
        subprocess.run(command, input=mail.encode(), env=contenders.PATH, check=True)
        ended = time.monotonic()
        token = (kind.encode(), str(number).encode())
        self.sent[token], self.took[token] = ended, (ended - began) * 1000


def measure(target, folder, minutes, whole_hour):
    if os.geteuid() != 0:
        print("not root: nothing is installed, so skipping the flood")
        return
    contenders.private_system(folder)
    system.installed(target, folder)
    own = contenders.fresh(folder, "flood")
    inbox = Inbox(own)
    configured = rush.delivering_to(inbox, own)
    configured.text += GUARD
    senders = Senders(target)
    with configured, system.runner(target, own) as pid:
        began = time.monotonic()
        flooded(senders, began, minutes)
        took = time.monotonic() - began
        total = sum(kind == b"cron" for kind, _ in senders.sent)
        print(f"{total} mails of one job in {took:.0f} s, each {senders.octets} bytes, per_hour = {PER_HOUR}")
        calls = [ms for (kind, _), ms in senders.took.items() if kind == b"cron"]
        print(f"  a call of sendmail took {statistics.median(calls):.1f} ms (median), {max(calls):.0f} ms at most")
        at_once(inbox, senders)
        print(f"  {waiting(target)} wait; the runner has used {ticks(pid) / os.sysconf('SC_CLK_TCK'):.1f} s of processor time")
        before, left = inbox.messages, time.monotonic()
        if not whole_hour:
            subprocess.run([target / "postrider", "flush"], env=contenders.PATH, check=False)
        patience = (3600 if whole_hour else 0) + PATIENCE_SECONDS
        while len(inbox.arrived) < len(senders.sent) and time.monotonic() < left + patience:
            time.sleep(0.2)
        digests(inbox, began, before, total)
        system.wait_until("the queue is empty", lambda: waiting(target) == 0)
        verdict("every mail arrived exactly once", set(inbox.arrived) == set(senders.sent) and not inbox.twice)
        sizes = status(pid)
        print(f"  the runner had {sizes['VmHWM'] / 1024:.1f} MiB at most, and used {ticks(pid) / os.sysconf('SC_CLK_TCK'):.1f} s")


def flooded(senders, began, minutes):
    """The job, with the others' mail from a thread of its own."""
    ended = threading.Event()
    others = threading.Thread(target=of_others, args=(senders, ended))
    others.start()
    total = int(PER_MINUTE * minutes)
    for number in range(total):
        time.sleep(max(0.0, began + number * 60 / PER_MINUTE - time.monotonic()))
        senders.send("cron", number, "Cron <root@homebox> /usr/local/bin/backup")
        if number == total // 2:
            senders.send("raid", 0, "DegradedArray event on /dev/md0:homebox")
    ended.set()
    others.join()


def of_others(senders, ended):
    by = ["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups", "--"]
    number = 0
    while not ended.wait(OTHERS_SECONDS):
        senders.send("other", number, f"a letter, number {number}", by)
        number += 1


def at_once(inbox, senders):
    """What did not have to wait."""
    delays = {}
    for token, sent in list(senders.sent.items()):
        if token in inbox.arrived:
            delays.setdefault(token[0], []).append(inbox.arrived[token] - sent)
    passed = len(delays.get(b"cron", []))
    others = sum(kind == b"other" for kind, _ in senders.sent)
    print(f"  at once left {passed} of the job's, in {inbox.messages} messages and {inbox.octets} bytes of all")
    came = delays.get(b"other", [])
    told = f"{max(came, default=0):.2f} s at most, {statistics.median(came or [0]):.2f} s in the middle"
    verdict(f"{len(came)} of {others} mails of another user left meanwhile, after {told}", len(came) == others)
    raid = max(delays.get(b"raid", [float("inf")]))
    verdict(f"the alert about the RAID left after {raid:.2f} s, at most {MOST_SECONDS}", raid <= MOST_SECONDS)


def digests(inbox, began, before, total):
    sizes = [size for _, size, _ in inbox.digests]
    held = sum(count for _, _, count in inbox.digests)
    when = f"{(inbox.digests[0][0] - began) / 60:.1f} to {(inbox.digests[-1][0] - began) / 60:.1f} min" if sizes else "never"
    print(f"  {len(sizes)} digests with {held} mails and {sum(sizes)} bytes, {max(sizes, default=0)} at most, left {when} after its beginning")
    print(f"  {inbox.messages - before} messages left after the flood, {inbox.messages} in all, {inbox.octets} bytes, instead of {total}")


def waiting(target):
    listed = subprocess.run([target / "postrider", "queue", "list", "--json"], env=contenders.PATH, capture_output=True, check=True)
    return listed.stdout.count(b"\n")
