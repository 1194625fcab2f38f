"""How fast a queue drains: postrider and Postfix to the same provider over TLS and AUTH, with as many connections each, all outcomes
on disk; then what a message costs in round trips to a provider that is 50 ms away."""

import os
import pathlib
import pwd
import statistics
import subprocess
import time

from contenders import PATH, fresh
from submit import message, verdict

MESSAGES = 1000
CONNECTIONS = (1, 2, 20)
ROUNDS = 3
TIMES_AS_FAST = 5
FAR_MESSAGES = 100
DELAY_MS = 50
ADDRESS = "friend@elsewhere.example"


class Provider:
    """The tests' scripted provider (contrib/bench/provider.rs), a process of its own."""

    def __init__(self, program, folder, *options):
        self.authority = folder / "authority.pem"
        command = [program, self.authority, *options]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def counts(self):
        """Messages, flights of replies, connections, logins."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return [int(word) for word in self.process.stdout.readline().split()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        if self.process.wait() != 0:
            raise SystemExit("the provider reports a violation by its client")


def built(source):
    """The provider as an optimised program of its own; with a slow one, the benchmark would measure the provider."""
    command = ["cargo", "build", "--release", "--quiet", "--example", "provider"]
    subprocess.run(command, cwd=source, check=True)


def measure(target, folder):
    program = target / "examples/provider"
    drain(target, program, folder)
    round_trips(target, program, folder)


def drain(target, program, folder):
    print(f"draining {MESSAGES} messages of 10 KiB over TLS and AUTH, median of {ROUNDS} rounds by turns:")
    for connections in CONNECTIONS:
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(postrider(target, program, folder, connections))
            if os.geteuid() == 0:
                theirs.append(postfix(program, folder, connections))
        ours = statistics.median(ours)
        told = f"{connections:2} connections: postrider {MESSAGES / ours:6.0f}/s"
        if not theirs:
            print(f"  {told} (not root: skipping Postfix)")
            continue
        theirs = statistics.median(theirs)
        verdict(f"{told}, Postfix {MESSAGES / theirs:6.0f}/s, {theirs / ours:.1f} x (wanted: {TIMES_AS_FAST} x)",
                theirs / ours >= TIMES_AS_FAST)


def configured(folder, provider, connections, more=""):
    own = fresh(folder, "drain")
    config = own / "config.toml"
    config.write_text(
        f'hostname = "homebox.localdomain.local"\norigin = "localdomain.local"\ndelivery = "queue"\nspool = "spool"\n'
        f'generic = [{{ "@localdomain.local" = "me@isp.example" }}]\n[account.isp]\nrelay = "[127.0.0.1]:{provider.port}"\n'
        f'tls_ca = "{provider.authority}"\nusername = "hisaccount"\npassword = "correct horse"\n'
        f"max_connections = {connections}\n{more}"
    )
    config.chmod(0o600)
    return {**PATH, "POSTRIDER_CONFIG": str(config)}


def fill(target, environment, messages):
    for _ in range(messages):
        subprocess.run([target / "sendmail", "-t"], input=message(), env=environment, check=True)


def emptied(target, environment):
    """Seconds until the queue is empty and every outcome is on disk."""
    start = time.monotonic()
    subprocess.run([target / "postrider", "run", "--until-empty"], env=environment, check=True, stderr=subprocess.DEVNULL)
    return time.monotonic() - start


def postrider(target, program, folder, connections):
    with Provider(program, folder) as provider:
        environment = configured(folder, provider, connections)
        fill(target, environment, MESSAGES)
        seconds = emptied(target, environment)
        if provider.counts()[0] != MESSAGES:
            raise SystemExit("postrider did not send everything")
    return seconds


def postfix(program, folder, connections):
    own = fresh(folder, "drain-postfix")
    with Provider(program, folder) as provider:
        settle(own, provider, connections)
        environment = {**PATH, "MAIL_CONFIG": str(own / "etc")}
        call = ["postfix", "-c", own / "etc"]
        subprocess.run([*call, "start"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(MESSAGES):
                subprocess.run(["/usr/sbin/sendmail", "-t"], input=message(), env=environment, check=True)
            queued = own / "queue/deferred"
            until(lambda: sum(len(files) for _, _, files in os.walk(queued)) == MESSAGES, "Postfix to queue everything")
            with open(own / "etc/main.cf", "a") as config:
                config.write("defer_transports =\n")
            subprocess.run([*call, "reload"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(1)
            start = time.monotonic()
            subprocess.run(["postqueue", "-c", own / "etc", "-f"], check=True)
            until(lambda: provider.counts()[0] == MESSAGES, "Postfix to send everything")
            return time.monotonic() - start
        finally:
            subprocess.run([*call, "stop"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def until(condition, what):
    end = time.monotonic() + 300
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"timed out waiting for {what}")
        time.sleep(0.01)


def settle(own, provider, connections):
    """Debian's Postfix as a null client of that provider; settings not given here are as installed."""
    owner = pwd.getpwnam("postfix").pw_uid
    for name in ("etc", "queue", "data"):
        (own / name).mkdir()
    os.chown(own / "data", owner, -1)
    (own / "etc/passwords").write_text(f"[127.0.0.1]:{provider.port} hisaccount:correct horse\n")
    (own / "etc/generic").write_text("/@localdomain.local$/ me@isp.example\n")
    (own / "etc/main.cf").write_text(
        f"compatibility_level = 3.6\nqueue_directory = {own}/queue\ndata_directory = {own}/data\n"
        f"maillog_file = {own}/maillog\nmaillog_file_prefixes = {own}\nmyhostname = homebox.localdomain.local\n"
        "alias_maps =\nalias_database =\ninet_interfaces = loopback-only\nmydestination =\n"
        f"relayhost = [127.0.0.1]:{provider.port}\nsmtp_generic_maps = regexp:{own}/etc/generic\n"
        f"smtp_tls_security_level = secure\nsmtp_tls_CAfile = {provider.authority}\nsmtp_tls_secure_cert_match = localhost\n"
        f"smtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = texthash:{own}/etc/passwords\n"
        "smtp_sasl_security_options = noanonymous\n"
        f"initial_destination_concurrency = {connections}\ndefault_destination_concurrency_limit = {connections}\n"
        "defer_transports = smtp\n"
    )
    services = pathlib.Path("/etc/postfix/master.cf")
    services = services if services.exists() else pathlib.Path("/usr/share/postfix/master.cf.dist")
    lines = []
    for line in services.read_text().splitlines():
        words = line.split()
        # No listener, and no chroot, which would need a copy of the system's files.
        if line.startswith((" ", "\t", "#")) or len(words) < 8 or words[0] == "smtp" and words[1] == "inet":
            continue
        words[4] = "n"
        if words[0] == "smtp":
            words[6] = str(connections)
        lines.append(" ".join(words))
    (own / "etc/master.cf").write_text("\n".join(lines) + "\n")


def round_trips(target, program, folder):
    print(f"{FAR_MESSAGES} messages on one connection to a provider {DELAY_MS} ms away:")
    kinds = (("PIPELINING", 2.1, (), ""), ("PIPELINING, CHUNKING, early_data", 1.1, ("--chunking",), "early_data = true\n"))
    for name, most, options, more in kinds:
        with Provider(program, folder, "--delay", str(DELAY_MS), *options) as provider:
            environment = configured(folder, provider, 1, more)
            fill(target, environment, FAR_MESSAGES)
            seconds = emptied(target, environment)
            messages, turns, connections, logins = provider.counts()
        if messages != FAR_MESSAGES:
            raise SystemExit("postrider did not send everything")
        each = turns / messages
        verdict(f"{name}: {each:.2f} round trips each (at most {most}), {messages / seconds:.1f} messages/s", each <= most)
        verdict(f"{name}: {connections} connection, {logins} login", connections == logins == 1)
