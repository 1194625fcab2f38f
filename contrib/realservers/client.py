"""postrider as an ordinary user runs it: a configuration of its own with one account, a spool of its own, messages submitted through
sendmail, a runner that works until nothing moves any more, and what its commands then say of each recipient."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from provider import OWNER, PASSWORD, PORT, certificate_of

CONFIG = """hostname = "home.example"
origin = "home.example"
delivery = "queue"
log = "stderr"
spool = "{folder}/spool"
postmaster = "{owner}"

[account.real]
relay = "[127.0.0.1]:{port}"
tls_ca = "{certificate}"
tls_name = "provider.example"
senders = ["{owner}"]
{account}

[queue]
reports_per_hour = 100000
"""
# Longest time for one situation, and how long nothing may move before it is over.
LIMIT, QUIET = 150, 4


class Client:
    """Gone, with its spool, at the end of a `with` block."""

    def __init__(self, program, server, account="", password=PASSWORD, login=True):
        self.program = program
        self.folder = Path(tempfile.mkdtemp(prefix="realservers-"))
        self.spool = self.folder / "spool"
        if login:
            account += f'\nusername = "{server.login}"\npassword = {{ file = "secret" }}'
        self.config = self.folder / "config.toml"
        names = {"folder": self.folder, "owner": OWNER, "port": PORT, "certificate": certificate_of(server), "account": account}
        self.config.write_text(server.configuration(self.folder) or CONFIG.format(**names))
        self.account = server.account
        (self.folder / "secret").write_text(f"{password}\n")
        for file in [self.config, self.folder / "secret"]:
            file.chmod(0o600)
        self.refused = {}
        self.ids = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def command(self, *words, **more):
        return subprocess.run([self.program, "--config", self.config, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)

    def lines(self, *words):
        done = self.command(*words)
        if done.returncode != 0:
            raise SystemExit(f"{words}: exit status {done.returncode}: {done.stderr.decode()}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def submit(self, message, *options):
        """Gives a message to sendmail and learns its identifier. One that sendmail refuses is its caller's."""
        before = set(os.listdir(self.spool / "queue")) if self.spool.exists() else set()
        done = self.command("sendmail", "-i", "-f", message.sender, *options, "--", *message.recipients, input=message.content)
        if done.returncode != 0:
            self.refused[message.mark] = f"exit status {done.returncode}: {done.stderr.decode().strip()}"
            return
        [new] = set(os.listdir(self.spool / "queue")) - before
        self.ids[new] = message.mark

    def run(self):
        """Runs the runner until the queue is empty or every message in it waits. The log is then in `log`."""
        file = self.folder / "log"
        with open(file, "wb") as log:
            runner = subprocess.Popen([self.program, "--config", self.config, "run"], stdin=subprocess.DEVNULL, stderr=log)
        end, seen, since = time.monotonic() + LIMIT, None, time.monotonic()
        while time.monotonic() < min(end, since + QUIET):
            time.sleep(0.5)
            now = (file.stat().st_size, sorted(os.listdir(self.spool / "queue")))
            if now != seen or self.sending():
                seen, since = now, time.monotonic()
        status = self.command("status")
        self.status = status.stdout.decode().strip()
        self.exit_status = status.returncode
        runner.terminate()
        runner.wait(timeout=60)
        self.log = file.read_text(errors="replace")

    def sending(self):
        """Whether a message is being sent: a server may slow a session down."""
        return any(entry["queue_name"] == "active" for entry in self.lines("queue", "list", "--json"))

    def outcomes(self):
        """Gives (mark, recipient) to (state, reason); the state is delivered, bounced, failed, queued or unknown."""
        found = {}
        for entry in self.lines("queue", "list", "--json", "--failed"):
            self.note(found, entry["queue_id"], ((to, "failed", entry["reason"]) for to in entry["recipients"]))
        for entry in self.lines("history", "--json"):
            state = {"refused": "bounced", "deferred": "failed"}
            rows = ((r["address"], state.get(r["status"], r["status"]), r["reply"]) for r in entry["recipients"])
            self.note(found, entry["id"], rows)
        for entry in self.lines("queue", "list", "--json"):
            self.note(found, entry["queue_id"], self.waiting(entry["queue_id"]))
        return found

    def note(self, found, identifier, rows):
        if mark := self.ids.get(identifier):
            for address, state, reason in rows:
                found[mark, address] = (state, reason)

    def waiting(self, identifier):
        [shown] = self.lines("queue", "show", "--json", identifier)
        state = {"delivered": "delivered", "refused": "bounced"}
        for recipient, outcome in zip(shown["envelope"]["recipients"], shown["outcomes"], strict=True):
            outcome = outcome or {"status": "deferred", "reply": shown["trouble"] or "not tried yet"}
            yield recipient["address"], state.get(outcome["status"], "queued"), outcome["reply"]

    def returned(self):
        """Marks of the messages of which a report went back, or that lie in failed/."""
        ids = re.findall(r"(\w{16}): (?:sender non-delivery notification|moved to failed/|held)", self.log)
        ids += [entry["queue_id"] for entry in self.lines("queue", "list", "--json", "--failed")]
        return {self.ids[one] for one in ids if one in self.ids}

    def accounts(self):
        """What the log says of the account: ("fatal" or "warning", reason) in order, without repetitions."""
        lines = re.findall(rf"(fatal|warning): account {self.account}(?: needs attention)?: (.*?)(?:next try in \d+ s)?\n", self.log)
        return list(dict.fromkeys(lines))
