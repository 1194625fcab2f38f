"""A listener beside Postfix's smtpd on the same disk, with Postfix's smtp-source as client: messages of 10 KiB a second, over 1, 4 and
20 connections, each with a connection for each message and with connections that stay (-d). Both accept and store, and deliver
nothing. smtp-source knows no TLS: where stunnel is installed, all is measured again through it, to a port with implicit TLS of each."""

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


def measure(target, folder):
    if os.geteuid() != 0 or not shutil.which("smtp-source"):
        print("skipping the listener: it needs root and Postfix's smtp-source")
        return
    own = contenders.fresh(folder, "listener")
    make_certificate(own)
    with postrider(target, folder, own) as ours, postfix(folder, own) as theirs:
        compare(ours[0], theirs[0], "without TLS")
        if not shutil.which("stunnel"):
            print("skipping TLS: it needs stunnel")
            return
        with tunnel(own, "ours", ours[1]) as ours_inside, tunnel(own, "theirs", theirs[1]) as theirs_inside:
            compare(ours_inside, theirs_inside, "TLS")


def compare(ours, theirs, over):
    for connections, wanted in ALLOWED.items():
        for stay in ([], ["-d"]):
            rates = {"postrider": [], "Postfix": []}
            for _ in range(ROUNDS):
                for name, port in (("postrider", ours), ("Postfix", theirs)):
                    rates[name].append(rate(port, connections, stay))
            own, other = (statistics.median(rates[name]) for name in ("postrider", "Postfix"))
            how = "connections stay" if stay else "a connection each"
            judged = "" if wanted is None else f" (at least {wanted}): {'good' if own >= wanted * other else 'TOO SLOW'}"
            print(
                f"{over}, {connections:2} connections, {how}: {own:7.0f} messages/s, Postfix {other:7.0f}: "
                f"{own / other:.2f} times{judged}"
            )


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
def tunnel(own, name, port):
    """A port that passes what it gets to another, over TLS."""
    inside = free_port()
    config = own / f"{name}.conf"
    config.write_text(
        f"foreground = quiet\npid =\ndebug = err\n[{name}]\nclient = yes\naccept = 127.0.0.1:{inside}\n"
        f"connect = 127.0.0.1:{port}\nsslVersion = TLSv1.3\nTIMEOUTclose = 0\n"
    )
    with open(own / f"{name}.log", "wb") as log:
        stunnel = subprocess.Popen(["stunnel", config], stdout=log, stderr=log)
    try:
        wait_for(inside)
        yield inside
    finally:
        stunnel.terminate()
        stunnel.wait()


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
def postrider(target, folder, certificates):
    own, port, tls_port = contenders.fresh(folder, "postrider-listener"), free_port(), free_port()
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
        yield port, tls_port
        rss = [line for line in pathlib.Path(f"/proc/{runner.pid}/status").read_text().splitlines() if "VmHWM" in line]
        print(f"the runner had at most {rss[0].split()[1]} KiB")
    finally:
        runner.send_signal(signal.SIGTERM)
        runner.wait()


@contextlib.contextmanager
def postfix(folder, certificates):
    own, port, tls_port = contenders.fresh(folder, "postfix-listener"), free_port(), free_port()
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
        yield port, tls_port
    finally:
        subprocess.run([*command, "stop"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
