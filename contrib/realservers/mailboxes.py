"""What servers have in common that take mail for the users of this machine by LMTP: no login, no TLS, and mailboxes that are read back
through IMAP."""

import imaplib
import re
import shutil

import content
from provider import OWNER, PASSWORD, PEOPLE, Debian, mark_of

LMTP, IMAP = 24, 143
# Local parts without a mailbox that the configuration calls local all the same: the server is to refuse them.
NOBODY = [f"nobody{number}" for number in range(1000)] + ["jürgen"]
DOMAIN = OWNER.split("@")[1]

# The account is for what leaves the machine, which is nothing.
CONFIG = f"""hostname = "home.example"
origin = "home.example"
delivery = "queue"
log = "stderr"
spool = "{{folder}}/spool"
postmaster = "{OWNER}"
mailbox = "lmtp:[127.0.0.1]:{LMTP}"
local_users = ["{{folder}}/local_users"]

[account.real]
relay = "[127.0.0.1]:587"
senders = ["{OWNER}"]

[queue]
reports_per_hour = 100000
"""


class MailboxServer(Debian):
    """A subclass is as of Debian, with users `PEOPLE` whose password is `PASSWORD`."""

    # By its name in the log.
    account = "local"
    ports = (LMTP,)
    is_local = True

    def configuration(self, folder):
        users = "".join(f"{login}@{DOMAIN} -\n" for login in [*PEOPLE, *NOBODY])
        (folder / "local_users").write_text(users)
        return CONFIG.format(folder=folder)

    def fresh_homes(self):
        home = self.root / "home"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        for login in PEOPLE:
            (home / login).mkdir()
            shutil.chown(home / login, 20000, 20000)

    def copies(self):
        found = {}
        for login in PEOPLE:
            for message in self.read(login):
                if mark := mark_of(message):
                    found.setdefault((login, mark), []).append(message)
        return found

    def read(self, login):
        """The messages of a mailbox, whole."""
        with imaplib.IMAP4("127.0.0.1", IMAP) as client:
            client.login(login, PASSWORD)
            client.select("INBOX", readonly=True)
            _, [numbers] = client.search(None, "ALL")
            if not numbers:
                return []
            _, parts = client.fetch("1:*", "(BODY.PEEK[])")
            return [part[1] for part in parts if isinstance(part, tuple)]

    def difference(self, sent, arrived):
        return difference(sent, arrived) if is_plain(sent) else content.difference(sent, arrived)

    def forget(self):
        for login in PEOPLE:
            with imaplib.IMAP4("127.0.0.1", IMAP) as client:
                client.login(login, PASSWORD)
                _, [messages] = client.select("INBOX")
                if int(messages) > 0:
                    client.store("1:*", "+FLAGS.SILENT", "(\\Deleted)")
                    client.expunge()


def is_plain(message):
    """Whether it needs no change for SMTP: no NUL, no CR within a line, no line of 990 octets or more."""
    lines = message.replace(b"\r\n", b"\n").split(b"\n")
    return all(len(line) < 990 and b"\0" not in line and b"\r" not in line for line in lines)


def difference(sent, arrived):
    """The first difference in octets between a message and its copy in a mailbox, behind what was written above it; empty where there is
    none. Lines end in CRLF in IMAP, and the last one has an end."""
    sent = re.sub(rb"\r*\n", b"\n", sent)
    arrived = arrived.replace(b"\r\n", b"\n")
    header, _, body = sent.partition(b"\n\n")
    there, _, text = arrived.partition(b"\n\n")
    for line in header.rstrip(b"\n").split(b"\n"):
        if line not in there.split(b"\n"):
            return f"line of the header changed or missing: {line[:100]!r}"
    body += b"" if body.endswith(b"\n") or not body else b"\n"
    if body == text:
        return ""
    at = next((at for at, (a, b) in enumerate(zip(body, text)) if a != b), min(len(body), len(text)))
    return f"octet {at}: sent {body[max(at - 5, 0):at + 15]!r}, arrived {text[max(at - 5, 0):at + 15]!r}"
