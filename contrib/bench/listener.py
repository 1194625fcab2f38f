"""A listener beside Postfix's smtpd on the same disk, with Postfix's smtp-source as client: messages of 10 KiB a second, over 1, 4 and
20 connections, each with a connection for each message and with connections that stay (-d). Both accept and store, and deliver
nothing: Postfix holds what it stored, while postrider also takes it into its queue, for a relay that is not there. smtp-source knows
no TLS: where haproxy is installed, all is measured again through it, to a port with implicit TLS of each, with TLS 1.3, the same
certificate, and sessions that are resumed. Client and server share the processors, so the processor time for a message is
printed beside: of all of the server's processes, and of the client with its proxy."""

import contextlib
import os
import pathlib
import pwd
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

import contenders

MESSAGES = 400
ROUNDS = 5
SIZE = 10 * 1024
# So many times as fast as Postfix, at least, by the number of connections.
ALLOWED = {1: 1.0, 4: None, 20: 2.0}
MASTER = """127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{tls_port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
tlsmgr unix - - n 1000? 1 tlsmgr
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
smtp unix - - n - - smtp
retry unix - - n - - error
postlog unix-dgram n - n - 1 postlogd
"""


class Server:
    """What is measured: its ports, and its processes."""

    def __init__(self, port, tls_port, used):
        self.port, self.tls_port = port, tls_port
        # Seconds of processor time so far.
        self.used = used


class Client:
    """How a server is reached."""

    def __init__(self, server, port, proxy=None):
        self.server, self.port, self.proxy = server, port, proxy
        self.rates, self.server_times, self.client_times = [], [], []

    def used(self):
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ended.ru_utime + ended.ru_stime + (of_process(self.proxy) if self.proxy else 0)

    def forget(self):
        self.rates, self.server_times, self.client_times = [], [], []

    def send(self, connections, stay):
        server, client = self.server.used(), self.used()
        self.rates.append(rate(self.port, connections, stay))
        self.server_times.append((self.server.used() - server) / MESSAGES)
        self.client_times.append((self.used() - client) / MESSAGES)

    def processor_time(self):
        """Of the server and of the client, in milliseconds a message. The kernel counts in steps of 10 ms, so that all rounds count."""
        return [statistics.mean(times) * 1000 for times in (self.server_times, self.client_times)]


def measure(target, folder):
    if os.geteuid() != 0 or not shutil.which("smtp-source"):
        print("skipping the listener: it needs root and Postfix's smtp-source")
        return
    with new_folder(folder) as own:
        in_folder(target, own)


@contextlib.contextmanager
def new_folder(folder):
    """A folder that is deleted behind the measurement. Before it, nothing may be: for five minutes ext4 without a journal steps over
    the inodes of deleted files whenever it looks for a free one, which costs more than all the rest of a message."""
    own = pathlib.Path(tempfile.mkdtemp(prefix="listener-", dir=folder))
    own.chmod(0o755)
    try:
        yield own
    finally:
        shutil.rmtree(own)


def in_folder(target, own):
    make_certificate(own)
    with postrider(target, own) as ours, postfix(own) as theirs:
        compare(Client(ours, ours.port), Client(theirs, theirs.port), "without TLS")
        if not shutil.which("haproxy"):
            print("skipping TLS: it needs haproxy")
            return
        with proxy(own, "ours", ours) as ours_inside, proxy(own, "theirs", theirs) as theirs_inside:
            compare(ours_inside, theirs_inside, "TLS")


def compare(ours, theirs, over):
    for connections, wanted in ALLOWED.items():
        for stay in ([], ["-d"]):
            for client in (ours, theirs):
                client.forget()
            for _ in range(ROUNDS):
                for client in (ours, theirs):
                    client.send(connections, stay)
            own, other = (statistics.median(client.rates) for client in (ours, theirs))
            how = "connections stay" if stay else "a connection each"
            judged = "" if wanted is None else f" (at least {wanted}): {'good' if own >= wanted * other else 'TOO SLOW'}"
            print(
                f"{over}, {connections:2} connections, {how}: {own:7.0f} messages/s, Postfix {other:7.0f}: "
                f"{own / other:.2f} times{judged}"
            )
            (own, own_client), (other, other_client) = ours.processor_time(), theirs.processor_time()
            print(
                f"    processor time a message: {own:.2f} ms, Postfix {other:.2f} ms: {other / own:.2f} times less; "
                f"the client's {own_client:.2f} and {other_client:.2f} ms"
            )


def of_process(pid):
    """Seconds of processor time of a process so far."""
    fields = stat_fields(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def of_session(leader):
    """Of all processes of a session, and of those that have ended (which their parent, the leader, has waited for)."""
    ended = stat_fields(leader)
    ticks = int(ended[13]) + int(ended[14])
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = stat_fields(entry.name)
            if int(fields[3]) == leader:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def stat_fields(pid):
    """Those of proc_pid_stat(5), from the third on: the name before them may hold anything."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def make_certificate(own):
    """Both servers show the same certificate."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
        + ["-subj", "/CN=homebox.home.lan", "-addext", "subjectAltName=DNS:homebox.home.lan"]
        + ["-keyout", own / "key.pem", "-out", own / "certificate.pem"],
        check=True,
        stderr=subprocess.DEVNULL,
    )


@contextlib.contextmanager
def proxy(own, name, server):
    """A port that passes what it gets on over TLS: one thread, which resumes sessions as a client that comes again does."""
    inside = free_port()
    config = own / f"{name}.conf"
    config.write_text(
        "global\n    nbthread 1\n    maxconn 200\n"
        "defaults\n    mode tcp\n    timeout connect 10s\n    timeout client 60s\n    timeout server 60s\n"
        f"listen {name}\n    bind 127.0.0.1:{inside}\n"
        f"    server {name} 127.0.0.1:{server.tls_port} ssl ssl-min-ver TLSv1.3 ca-file {own}/certificate.pem verifyhost homebox.home.lan\n"
    )
    with open(own / f"{name}.log", "wb") as log:
        haproxy = subprocess.Popen(["haproxy", "-db", "-f", config], stdout=log, stderr=log)
    try:
        wait_for(inside)
        yield Client(server, inside, haproxy.pid)
    finally:
        haproxy.terminate()
        haproxy.wait()


def rate(port, connections, stay):
    """Messages a second."""
    begun = time.perf_counter()
    subprocess.run(
        ["smtp-source", "-s", str(connections), "-m", str(MESSAGES), "-l", str(SIZE), *stay]
        + ["-f", "scanner@home.lan", "-t", "friend@away.example", "-M", "device", f"127.0.0.1:{port}"],
        check=True,
    )
    return MESSAGES / (time.perf_counter() - begun)


def free_port():
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return own.getsockname()[1]


def wait_for(port):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as own:
            own.recv(100)
            own.sendall(b"QUIT\r\n")
            return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


@contextlib.contextmanager
def postrider(target, certificates):
    own, port, tls_port = contenders.fresh(certificates, "postrider"), free_port(), free_port()
    login = pwd.getpwuid(os.geteuid()).pw_name
    config = own / "config.toml"
    config.write_text(
        'hostname = "homebox.home.lan"\norigin = "home.lan"\nspool = "spool"\nlog = "stderr"\n'
        '[account.isp]\nrelay = "[127.0.0.1]:9"\nusername = "me"\npassword = "secret"\n'
        f'[listen.bench]\naddress = "127.0.0.1:{port}"\ntls = "none"\ntrust = ["scanner"]\nconnections_per_address = 100\n'
        f'[listen.tls]\naddress = "127.0.0.1:{tls_port}"\ntls = "implicit"\ntrust = ["scanner"]\nconnections_per_address = 100\n'
        f'certificate = "{certificates}/certificate.pem"\nkey = "{certificates}/key.pem"\n'
        f'[client.scanner]\nowner = "{login}"\nnetworks = ["127.0.0.1"]\naccount = "isp"\n'
        "[limits]\nper_minute = 1000000\nwaiting = 10000000\nwaiting_size = \"100GB\"\n"
    )
    config.chmod(0o600)
    with open(own / "log", "wb") as log:
        runner = subprocess.Popen([target / "postrider", "--config", config, "run"], stderr=log)
    try:
        wait_for(port)
        yield Server(port, tls_port, lambda: of_process(runner.pid))
        rss = [line for line in pathlib.Path(f"/proc/{runner.pid}/status").read_text().splitlines() if "VmHWM" in line]
        print(f"the runner had at most {rss[0].split()[1]} KiB")
    finally:
        runner.send_signal(signal.SIGTERM)
        runner.wait()


@contextlib.contextmanager
def postfix(certificates):
    own, port, tls_port = contenders.fresh(certificates, "postfix"), free_port(), free_port()
    for name in ("etc", "queue", "data"):
        (own / name).mkdir()
    os.chown(own / "data", pwd.getpwnam("postfix").pw_uid, -1)
    (own / "etc/main.cf").write_text(
        f"compatibility_level = 3.6\nqueue_directory = {own}/queue\ndata_directory = {own}/data\n"
        f"maillog_file = {own}/maillog\nmaillog_file_prefixes = {own}\nmyhostname = homebox.home.lan\nmydestination =\n"
        "alias_maps =\nalias_database =\ninet_interfaces = loopback-only\nmynetworks = 127.0.0.0/8\n"
        # What is held is stored and otherwise left alone.
        "smtpd_recipient_restrictions = check_recipient_access static:HOLD, permit_mynetworks, reject\n"
        "smtpd_client_connection_count_limit = 0\nsmtpd_client_connection_rate_limit = 0\n"
        f"smtpd_tls_cert_file = {certificates}/certificate.pem\nsmtpd_tls_key_file = {certificates}/key.pem\n"
    )
    (own / "etc/master.cf").write_text(MASTER.format(port=port, tls_port=tls_port))
    command = ["postfix", "-c", str(own / "etc")]
    subprocess.run([*command, "start"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        master = int((own / "queue/pid/master.pid").read_text())
        yield Server(port, tls_port, lambda: of_session(os.getsid(master)))
    finally:
        subprocess.run([*command, "stop"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
