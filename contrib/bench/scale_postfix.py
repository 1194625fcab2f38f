"""A separate Postfix with a queue of any length, for comparison: its deferred mail is one message under many names, none of it due.
It has no listener and sends nothing."""

import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path

MASTER = """
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """Starts and stops a Postfix whose files are all below one folder."""

    name = "Postfix"

    def __init__(self, directory):
        self.directory = directory
        for name in ("etc", "queue", "data"):
            (directory / name).mkdir(parents=True)
        directory.chmod(0o755)
        os.chown(directory / "data", pwd.getpwnam("postfix").pw_uid, -1)
        (directory / "etc/main.cf").write_text(
            f"compatibility_level = 3.6\nqueue_directory = {directory}/queue\ndata_directory = {directory}/data\n"
            f"maillog_file = {directory}/maillog\nmaillog_file_prefixes = {directory}\nmyhostname = homebox.home.lan\n"
            "alias_maps =\nalias_database =\ninet_interfaces = loopback-only\nmydestination =\n"
            "default_transport = retry:4.4.1 not now\nmaximal_backoff_time = 4000\n"
        )
        (directory / "etc/master.cf").write_text(MASTER)
        # A separate copy, because the name may later belong to another program.
        shutil.copy2("/usr/sbin/sendmail", directory / "sendmail")
        self.environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "MAIL_CONFIG": str(directory / "etc")}

    def control(self, *words):
        subprocess.run(["postfix", "-c", self.directory / "etc", *words], check=True, stderr=subprocess.DEVNULL)

    def submit(self, number):
        return subprocess.Popen(
            [self.directory / "sendmail", "-f", f"alice{number % 7}@home.lan", "bob@away.example"],
            env=self.environment,
            stdin=subprocess.PIPE,
        )

    def list(self):
        return subprocess.Popen(["postqueue", "-p"], env=self.environment, stdout=subprocess.PIPE)

    def deferred(self):
        return [path for path in (self.directory / "queue/deferred").rglob("*") if path.is_file()]

    def fill(self, messages, mail):
        """Creates one deferred message and copies of it: a name consists of microseconds and the file's inode, and determines the folder."""
        self.control("start")
        self.submit(0).communicate(mail)
        while not self.deferred():
            time.sleep(0.1)
        self.control("stop")
        first = self.deferred()[0]
        content, owner = first.read_bytes(), first.stat()
        due = time.time() + 86_400
        for number in range(1, messages):
            fresh = first.parent.parent / "copy"
            fresh.write_bytes(content)
            os.chown(fresh, owner.st_uid, owner.st_gid)
            fresh.chmod(0o700)
            os.utime(fresh, (due, due))
            name = f"{number % 0xFFFFF:05X}{fresh.stat().st_ino:X}"
            folder = first.parent.parent / name[0]
            if not folder.exists():
                folder.mkdir(mode=0o700)
                os.chown(folder, owner.st_uid, -1)
            fresh.rename(folder / name)
        os.utime(first, (due, due))

    def start(self):
        """Seconds until the queue is known: until its first entry is listed."""
        began = time.monotonic()
        self.control("start")
        lister = self.list()
        lister.stdout.readline()
        lister.stdout.readline()
        took = time.monotonic() - began
        lister.kill()
        lister.wait()
        return took

    def peak(self):
        """MiB, of all its processes together."""
        master = int((self.directory / "queue/pid/master.pid").read_text())
        peak = 0
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
            except OSError:
                continue
            if master in (int(lines["PPid"]), int(lines["Pid"])) and "VmHWM" in lines:
                peak += int(lines["VmHWM"].split()[0])
        return peak / 1024

    def stop(self):
        self.control("stop")
