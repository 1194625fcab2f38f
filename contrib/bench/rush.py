"""The memory of the runner of a whole machine: a minute after its start, and a minute after a rush of 5,000 messages that have all been
delivered. What is its alone (anonymous memory) is judged; what it shares with its program file and others is printed beside."""

import pathlib
import subprocess
import time

import contenders
import submit
import summary
import system
from memory import status
from sink import NAME, Sink

MESSAGES = 5000
CALLERS = 16
REST_SECONDS = 60
PATIENCE_SECONDS = 300
# Half of what was resident before.
MOST_KIB = {"after its start": 3788, f"after {MESSAGES} messages": 5785}


def measure(target, folder):
    """Needs the system-wide installation of `system`."""
    own = contenders.fresh(folder, "rush")
    sink = Sink(own)
    with delivering_to(sink, own), system.runner(target, own) as pid:
        time.sleep(REST_SECONDS)
        show("after its start", pid)
        callers = own / "callers"
        subprocess.run(["cc", "-O2", "-Wall", "-o", callers, system.HERE / "callers.c"], check=True)
        path = own / "10KiB"
        path.write_bytes(submit.message())
        command = [callers, str(CALLERS), str(MESSAGES), path, target / "sendmail", "-t"]
        subprocess.run(command, env=contenders.PATH, stdout=subprocess.DEVNULL, check=True)
        end = time.monotonic() + PATIENCE_SECONDS
        while sink.messages < MESSAGES:
            if time.monotonic() > end:
                raise SystemExit(f"timed out: {sink.messages} of {MESSAGES} messages are delivered")
            time.sleep(0.1)
        print(f"  {status(pid)['RssAnon']} KiB anonymous at the end of the rush")
        time.sleep(REST_SECONDS)
        show(f"after {MESSAGES} messages", pid)


class delivering_to:
    """A configuration with this provider, for as long as it is entered."""

    def __init__(self, sink, own):
        self.path = pathlib.Path("/etc/postrider/config.toml")
        self.before = self.path.read_text()
        certificate = pathlib.Path("/etc/postrider/sink.crt")
        certificate.write_bytes((own / "sink.crt").read_bytes())
        relay = f'relay = "[127.0.0.1]:{sink.port}"\ntls = "implicit"\ntls_name = "{NAME}"\ntls_ca = "{certificate}"'
        self.text = self.before.replace('relay = "[127.0.0.1]:9"', relay)

    def __enter__(self):
        self.path.write_text(self.text)

    def __exit__(self, *_):
        self.path.write_text(self.before)


def show(when, pid):
    sizes = status(pid)
    anonymous, most = sizes["RssAnon"], MOST_KIB[when]
    told = f"{anonymous / 1024:.1f} MiB ({sizes['VmRSS'] / 1024:.1f} MiB resident)"
    submit.verdict(f"{told} a minute {when}, at most {most / 1024:.1f}", anonymous <= most)
    summary.add(f"runner's own memory a minute {when}", told, f"{most / 1024:.1f} MiB", anonymous <= most)
