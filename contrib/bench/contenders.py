"""The programs to compare. Each has its own setup below the benchmark's folder and stores messages without delivering them."""

import dataclasses
import functools
import os
import pathlib
import pwd
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
PATH = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent"}


@dataclasses.dataclass
class Contender:
    name: str
    argv: list
    environment: dict
    spool: pathlib.Path
    told: str

    def stored(self):
        return sum(len(files) for _, _, files in os.walk(self.spool))


@functools.cache
def all_of(target, folder):
    """Sets up the programs that can run here, and prints why the others cannot."""
    entrants = [bare(folder), postrider(target, folder)]
    if os.geteuid() != 0:
        print("not root: skipping dma, nullmailer and Postfix")
        return entrants
    system = private_system(folder)
    for make in (dma, nullmailer, postfix):
        try:
            entrants.append(make(folder, system))
        except (OSError, KeyError, subprocess.CalledProcessError) as trouble:
            print(f"skipping {make.__name__}: {trouble}")
    return entrants


def private_system(folder):
    """Puts a copy of /etc, an empty /var/spool and an overlay of /var/lib over the real ones, on the disk that is measured: dma and
    nullmailer have their paths compiled in, and what moves another program's files aside notes it in dpkg's database. The mounts are in
    this process's own namespace."""
    own = fresh(folder, "system")
    subprocess.run(["cp", "-a", "/etc", own / "etc"], check=True)
    (own / "spool").mkdir(mode=0o755)
    for inner, outer in (("etc", "/etc"), ("spool", "/var/spool")):
        subprocess.run(["mount", "--bind", own / inner, outer], check=True)
    for name in ("lib", "lib.work"):
        (own / name).mkdir()
    options = f"lowerdir=/var/lib,upperdir={own}/lib,workdir={own}/lib.work"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", "/var/lib"], check=True)
    return own


def fresh(folder, name):
    own = folder / name
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(mode=0o755)
    return own


def contender(name, own, argv, environment, spool):
    return Contender(name, [str(word) for word in argv], {**PATH, **environment}, spool, str(own / "told"))


def bare(folder):
    own = fresh(folder, "bare")
    (own / "spool").mkdir()
    subprocess.run(["cc", "-O2", "-Wall", "-o", own / "bare", HERE / "bare.c"], check=True)
    return contender("bare", own, [own / "bare", own / "spool"], {}, own / "spool")


def postrider(target, folder):
    own = fresh(folder, "postrider")
    config = own / "config.toml"
    config.write_text(
        'hostname = "homebox.localdomain.local"\norigin = "localdomain.local"\ndelivery = "queue"\nspool = "spool"\n'
        'generic = [{ "@localdomain.local" = "me@isp.example" }]\n'
        '[account.isp]\nrelay = "[127.0.0.1]:9"\nusername = "me"\npassword = "secret"\nsenders = ["@localdomain.local"]\n'
    )
    config.chmod(0o600)
    return contender("postrider", own, [target / "sendmail", "-t"], {"POSTRIDER_CONFIG": str(config)}, own / "spool/queue")


def unpacked(folder, package):
    """A Debian package's files, without installing it: dma and nullmailer conflict with each other and with Postfix."""
    debs = folder / "debs"
    debs.mkdir(exist_ok=True)
    if not list(debs.glob(f"{package}_*.deb")):
        command = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package]
        subprocess.run(command, cwd=debs, check=True, stdout=subprocess.DEVNULL)
    own = fresh(folder, package)
    subprocess.run(["dpkg", "-x", next(debs.glob(f"{package}_*.deb")), own], check=True)
    return own


def settle(own, system, package):
    """Moves a package's configuration and spool to where its programs look for them, and returns these two folders."""
    config, spool = system / "etc" / package, system / "spool" / package
    shutil.rmtree(config, ignore_errors=True)
    shutil.move(own / "etc" / package, config)
    shutil.move(own / "var/spool" / package, spool)
    return config, spool


def dma(folder, system):
    own = unpacked(folder, "dma")
    config, spool = settle(own, system, "dma")
    (config / "dma.conf").write_text("DEFER\nMAILNAME homebox.localdomain.local\nSMARTHOST 127.0.0.1\nPORT 9\n")
    os.chown(spool, 0, pwd.getpwnam("mail").pw_gid)
    spool.chmod(0o2770)
    return contender("dma", own, [own / "usr/sbin/dma", "-t"], {}, spool)


def nullmailer(folder, system):
    own = unpacked(folder, "nullmailer")
    config, spool = settle(own, system, "nullmailer")
    (system / "etc/mailname").write_text("homebox.localdomain.local\n")
    (config / "defaultdomain").write_text("localdomain.local\n")
    os.mkfifo(spool / "trigger", 0o622)
    mail = pwd.getpwnam("mail")
    for path in (spool, *spool.iterdir()):
        os.chown(path, mail.pw_uid, mail.pw_gid)
    # The front end finds its set-uid part below this prefix; that part accepts no prefix.
    (own / "sbin").symlink_to("usr/sbin")
    (own / "conf").symlink_to(config)
    environment = {"NULLMAILER_TEST_PREFIX": str(own)}
    return contender("nullmailer-inject", own, [own / "usr/bin/nullmailer-inject"], environment, spool / "queue")


def postfix(folder, _system):
    own = fresh(folder, "postfix")
    owner = pwd.getpwnam("postfix").pw_uid
    for name in ("etc", "queue", "data"):
        (own / name).mkdir()
    os.chown(own / "data", owner, -1)
    (own / "etc/main.cf").write_text(
        f"compatibility_level = 3.6\nqueue_directory = {own}/queue\ndata_directory = {own}/data\n"
        f"maillog_file = {own}/maillog\nmaillog_file_prefixes = {own}\nmyhostname = homebox.localdomain.local\n"
        "alias_maps =\nalias_database =\ninet_interfaces = loopback-only\n"
    )
    (own / "etc/master.cf").write_text("postlog unix-dgram n - n - 1 postlogd\n")
    subprocess.run(["postfix", "-c", own / "etc", "check"], check=True)
    # Otherwise it warns and logs, which takes longer than finding the daemon asleep.
    os.mkfifo(own / "queue/public/pickup", 0o622)
    # As with the other programs, no queue manager runs, so nothing removes the mail meanwhile.
    # A separate copy, because the name may later belong to another program.
    shutil.copy2("/usr/sbin/sendmail", own / "sendmail")
    return contender("Postfix sendmail", own, [own / "sendmail", "-t"], {"MAIL_CONFIG": str(own / "etc")}, own / "queue/maildrop")
