"""The intake on a disk whose flush takes 10 ms, as on an SD card: ext4, xfs and btrfs on a loop device over a file whose fsync sleeps
(slow_flush.c). Each is measured by a process of its own, with its own mounts."""

import os
import pathlib
import shutil
import subprocess
import sys

import contenders

HERE = pathlib.Path(__file__).resolve().parent
TYPES = ("ext4", "xfs", "btrfs")
FLUSH_MICROSECONDS = 10_000
OCTETS = 600 << 20
CALLS = 40


def measure(folder):
    if os.geteuid() != 0:
        print("not root: no disk is made slow")
        return
    if not os.path.exists("/dev/fuse") or not os.path.exists("/dev/loop-control"):
        print("no /dev/fuse or no loop devices: no disk is made slow")
        return
    own = contenders.fresh(folder, "slow")
    subprocess.run(["cc", "-O2", "-Wall", "-o", own / "slow_flush", HERE / "slow_flush.c"], check=True)
    for kind in TYPES:
        if shutil.which(f"mkfs.{kind}") is None:
            print(f"skipping {kind} with a slow flush: mkfs.{kind} is not installed")
            continue
        on(kind, own)


def on(kind, own):
    image, disk, place = own / "image", own / "disk", own / kind
    for folder in (disk, place):
        folder.mkdir(exist_ok=True)
    with open(image, "wb") as file:
        file.truncate(OCTETS)
    subprocess.run([f"mkfs.{kind}", "-q", image], check=True, stdout=subprocess.DEVNULL)
    server = subprocess.Popen([own / "slow_flush", image, str(FLUSH_MICROSECONDS), disk], stdout=subprocess.PIPE)
    server.stdout.readline()
    mounted = subprocess.run(["mount", "-o", "loop", disk / "disk", place], check=False)
    if mounted.returncode == 0:
        print(f"\n{kind} on a disk whose flush takes {FLUSH_MICROSECONDS // 1000} ms:", flush=True)
        command = [sys.executable, HERE / "run", "--only", "intake", "--calls", str(CALLS), "--folder", place]
        environment = {name: value for name, value in os.environ.items() if name != "BENCH_NAMESPACE"}
        try:
            subprocess.run(command, env=environment, check=True)
        finally:
            subprocess.run(["umount", "-l", place], check=False)
    else:
        print(f"skipping {kind} with a slow flush: this kernel does not mount it")
    subprocess.run(["umount", "-l", disk], check=False)
    server.wait()
    image.unlink()
