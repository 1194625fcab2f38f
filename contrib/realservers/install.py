"""Installs the packages of a server once. Which ones, the server's own file says. No registry is named here: the mirror of apt, npm
and pip is the one the machine is configured with."""

import importlib
import os
import shutil
import subprocess

# Maintainer scripts start no service in the root.
POLICY = "#!/bin/sh\nexit 101\n"


def ready(name, folder, suite):
    """Makes `folder`/`name`, unless it is there."""
    kind = importlib.import_module(f"servers.{name}").Server
    target = folder / name
    if target.exists():
        return
    print(f"installing {kind.title}")
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name}.part"
    shutil.rmtree(part, ignore_errors=True)
    if kind.debian:
        debian(part, folder, suite, kind.debian)
    elif kind.npm:
        part.mkdir()
        quiet(["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", part, *kind.npm])
    else:
        quiet(["pip", "install", "--quiet", "--root-user-action=ignore", "--target", part, *kind.pypi])
    part.rename(target)


def debian(part, folder, suite, packages):
    base = folder / f"base-{suite}"
    if not base.exists():
        unfinished = folder / f"base-{suite}.part"
        shutil.rmtree(unfinished, ignore_errors=True)
        quiet(["debootstrap", "--variant=minbase", suite, unfinished, mirror()])
        unfinished.rename(base)
    subprocess.run(["cp", "-a", base, part], check=True)
    policy = part / "usr/sbin/policy-rc.d"
    policy.write_text(POLICY)
    policy.chmod(0o755)
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    # /proc is mounted in a namespace of this command alone.
    inner = 'mount --bind /proc "$1/proc" && exec chroot "$@"'
    quiet(["unshare", "--mount", "sh", "-c", inner, "install", part, *command], env=environment)


def mirror():
    """The mirror from which apt gets Debian's main component."""
    words = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(COMPONENT) $(REPO_URI)", "Identifier: Packages"]
    lines = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()
    for origin, component, address in (line.split(" ", 2) for line in lines):
        if (origin, component) == ("Debian", "main") and "security" not in address:
            return address
    raise SystemExit("apt is configured with no mirror of Debian: run `apt-get update`, or add one to its sources")


def quiet(command, **more):
    """Runs a command; its output is shown only if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **more)
    if done.returncode != 0:
        raise SystemExit(f"{done.stdout}\n{command}: exit status {done.returncode}")
