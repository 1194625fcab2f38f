"""What all servers have in common: the domain, the login, the people with a mailbox, the certificate, and the files in which a server
keeps what it delivers, one file for each copy, named after the recipient."""

import re
import shutil
import socket
import subprocess
import time

import content

DOMAIN = "provider.example"
OWNER = f"alice@{DOMAIN}"
PASSWORD = "correct-horse-7"
PORT = 587
# Local parts with a mailbox, as a regular expression that every server understands, and one by one.
MAILBOXES = "(alice|bob|carol|r[0-9]+)"
PEOPLE = ["alice", "bob", "carol", *(f"r{number}" for number in range(150))]
# What a server refuses, wherever it can be configured: small, so that the run is short.
MAX_SIZE = 1_000_000
MAX_RECIPIENTS = 100
MAX_MESSAGES = 20
MAX_CONNECTIONS = 3

# A delivery program: stores its input as a file named after its first argument.
KEEP = """#!/bin/sh
umask 022
new=$(mktemp /var/keep/.XXXXXXXX) && cat >"$new" && mv "$new" "/var/keep/$1,${new##*.}"
"""


class Keeping:
    """What lies in the mailboxes is gone before the next situation."""

    # Whether what arrives is as it was sent; a server that rewrites it has this set to what it rewrites.
    rewrites = ""
    # What the log calls the account that sends to it.
    account = "real"
    # Whether it takes mail for mailboxes of the client's own machine.
    is_local = False

    def configuration(self, _folder):
        """The client's configuration, where it is not the one for a provider."""
        return None

    def copies(self):
        """What is in the mailboxes: (recipient's local part, mark) to the copies. Only messages of ours have a mark."""
        found = {}
        # A hidden one is still being written.
        for file in self.keep.glob("[!.]*"):
            message = file.read_bytes()
            if mark := mark_of(message):
                found.setdefault((file.name.split(",")[0].split("@")[0], mark), []).append(message)
        return found

    def difference(self, sent, arrived):
        """How a copy differs from the message; empty where it does not in what it means."""
        return content.difference(sent, arrived)

    def forget(self):
        for file in self.keep.glob("[!.]*"):
            file.unlink()


class Debian(Keeping):
    """A server in a root of its own. A subclass has `title`, the packages `debian`, `prepare` and `command`."""

    npm = pypi = ()
    login = "alice"
    # The server is ready when all of these greet.
    ports = (PORT,)

    def __init__(self, root):
        self.root = root
        self.keep = root / "var/keep"
        self.log = root / "var/log/server.log"

    def start(self):
        for source in ["/proc", "/dev"]:
            subprocess.run(["mount", "--rbind", source, self.root / source[1:]], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", self.root / "run"], check=True)
        self.write("etc/hosts", f"127.0.0.1 {DOMAIN} localhost\n")
        self.write("etc/mailname", f"{DOMAIN}\n")
        self.write("usr/local/bin/keep", KEEP, 0o755)
        fresh(self.keep, 0o1777)
        self.log.unlink(missing_ok=True)
        certificate(self.root / "etc/provider")
        self.prepare()
        self.process = self.spawn(*self.command)
        for port in self.ports:
            wait_for_greeting(self, port)

    def write(self, path, text, mode=0o644):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def spawn(self, *command):
        with open(self.log, "ab") as log:
            return subprocess.Popen(["chroot", self.root, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def run(self, *command, **more):
        """Runs a command in the root to its end; gives its output."""
        done = subprocess.run(["chroot", self.root, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
        if done.returncode != 0:
            raise SystemExit(f"{command}: exit status {done.returncode}\n{done.stdout}")
        return done.stdout

    def empty(self, path):
        """Removes the files below a folder of the root, such as a queue that an earlier run left."""
        for file in (self.root / path).rglob("*"):
            if not file.is_dir():
                file.unlink()

    def people(self):
        """Adds the people with a mailbox as users of the root."""
        known = (self.root / "etc/passwd").read_text()
        if "\nalice:" not in known:
            lines = [f"{login}:x:{20000 + number}:20000::/home/{login}:/bin/sh\n" for number, login in enumerate(PEOPLE)]
            (self.root / "etc/passwd").write_text(known + "".join(lines))

    def version(self):
        [package, *_] = self.debian
        return self.run("dpkg-query", "-f", "${Version}", "-W", package)


class Program(Keeping):
    """A server that is a program of ours on a library, with its packages in `folder`."""

    debian = npm = pypi = ()
    login = "alice"
    ports = (PORT,)

    def __init__(self, folder):
        self.folder = folder
        self.state = folder / "state"
        self.keep = self.state / "keep"
        self.log = self.state / "server.log"

    def start(self):
        fresh(self.state, 0o755)
        fresh(self.keep, 0o755)
        certificate(self.state)
        command, environment = self.command()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, cwd=self.state, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for port in self.ports:
            wait_for_greeting(self, port)


def fresh(folder, mode):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(mode)


def certificate(folder):
    """Makes cert.pem and key.pem. The certificate is self-signed, but not a CA certificate, which clients reject for a server."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    command += ["-subj", f"/CN={DOMAIN}", "-addext", f"subjectAltName=DNS:{DOMAIN}", "-addext", "basicConstraints=critical,CA:FALSE"]
    command += ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    (folder / "key.pem").chmod(0o644)


def mark_of(message):
    header = re.split(rb"\r?\n\r?\n", message, maxsplit=1)[0]
    mark = re.search(rb"(?mi)^X-Mark: ([a-z0-9.-]+)", header)
    return mark.group(1).decode() if mark else None


def certificate_of(server):
    return (server.root / "etc/provider" if isinstance(server, Debian) else server.state) / "cert.pem"


def wait_for_greeting(server, port):
    """Waits until the port greets; a server that does not within half a minute is shown with its log."""
    for _ in range(300):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as stream:
                if stream.recv(3) == b"220":
                    stream.sendall(b"QUIT\r\n")
                    stream.recv(100)
                    return
        except OSError:
            pass
        time.sleep(0.1)
    text = server.log.read_text(errors="replace")[-3000:] if server.log.exists() else "no log"
    raise SystemExit(f"{server.title} does not greet on port {port}:\n{text}")
