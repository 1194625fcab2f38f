"""Courier-MTA, from Debian, with its submission daemon (esmtpd-msa) and users in a file of authdaemond's."""

from provider import DOMAIN, MAX_SIZE, PASSWORD, PEOPLE, Debian

# TARPIT doubles the wait with every error of a connection, so that the recipients without a mailbox alone would take hours.
SUBMISSION = """
ADDRESS=127.0.0.1
PORT=587
AUTH_REQUIRED=1
BOFHCHECKDNS=0
TARPIT=0
MAXPERC=3
MAXPERIP=3
ESMTPAUTH=""
ESMTPAUTH_TLS="PLAIN LOGIN CRAM-MD5"
TLS_CERTFILE=/etc/courier/esmtpd.pem
ESMTP_TLS_REQUIRED=1
ESMTPDSTART=YES
"""
# Every service of Courier goes to the background; this waits beside them.
START = """mkdir -p /run/courier/authdaemon
chown -R courier:courier /run/courier
authdaemond start
courierfilter start
courier start
esmtpd-msa start
exec sleep 100000
"""


class Server(Debian):
    title = "Courier-MTA"
    rewrites = "the form of From; long lines of signed parts"
    debian = ("courier-mta", "courier-authlib", "systemd-standalone-tmpfiles", "openssl")
    command = ("sh", "-c", START)

    def prepare(self):
        self.people()
        secret = self.run("openssl", "passwd", "-6", PASSWORD).strip()
        fields = f"uid=20000|gid=20000|home=/home/alice|systempw={secret}"
        self.write("etc/courier/userdb", "".join(f"{name}\t{fields}\n" for name in PEOPLE), 0o600)
        self.run("makeuserdb")
        (self.root / "home/alice").mkdir(mode=0o755, exist_ok=True)
        for name in ["me", "locals", "defaultdomain", "esmtpacceptmailfor"]:
            self.write(f"etc/courier/{name}", f"{DOMAIN}\n")
        folder = self.root / "etc/provider"
        self.write("etc/courier/esmtpd.pem", (folder / "key.pem").read_text() + (folder / "cert.pem").read_text(), 0o644)
        self.write("etc/courier/sizelimit", f"{MAX_SIZE}\n")
        self.append("etc/courier/esmtpd-msa", SUBMISSION)
        self.append("etc/courier/authdaemonrc", '\nauthmodulelist="authuserdb"\n')
        self.append("etc/courier/courierd", "\nDEFAULTDELIVERY='| /usr/local/bin/keep \"$LOCAL\"'\n")

    def append(self, path, text):
        """Adds settings behind those of the package, of which the last one counts."""
        file = self.root / path
        original = file.read_text().split("\n# From here on\n")[0]
        file.write_text(f"{original}\n# From here on\n{text}")
