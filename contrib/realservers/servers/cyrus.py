"""Cyrus IMAP, from Debian: its LMTP server, and its mailboxes read back through IMAP."""

import imaplib

from mailboxes import IMAP, LMTP, MailboxServer
from provider import DOMAIN, PASSWORD, PEOPLE

CONFIG = f"""configdirectory: /var/lib/cyrus
partition-default: /var/spool/cyrus/mail
defaultpartition: default
admins: cyrus
servername: {DOMAIN}
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_mech_list: PLAIN
lmtp_downcase_rcpt: yes
unixhierarchysep: yes
altnamespace: no
conversations: no
idlesocket: /run/cyrus/idle
lmtpsocket: /run/cyrus/lmtp
notifysocket: /run/cyrus/notify
proc_path: /run/cyrus/proc
mboxname_lockpath: /run/cyrus/lock
"""
SERVICES = f"""START {{
  recover cmd="/usr/lib/cyrus/bin/ctl_cyrusdb -r"
}}
SERVICES {{
  imap cmd="imapd" listen="127.0.0.1:{IMAP}" prefork=1
  lmtp cmd="lmtpd -a" listen="127.0.0.1:{LMTP}" prefork=1 maxchild=100
}}
EVENTS {{
}}
"""
FOLDERS = "/var/lib/cyrus /var/spool/cyrus/mail /run/cyrus"


class Server(MailboxServer):
    title = "Cyrus LMTP"
    debian = ("cyrus-imapd", "sasl2-bin", "libsasl2-modules")
    command = ("/usr/lib/cyrus/bin/master",)
    # Octets of a header that are not ASCII become X, a lone CR is dropped.
    rewrites = "a header that is not ASCII, and a lone CR"

    def prepare(self):
        self.write("etc/imapd.conf", CONFIG)
        self.write("etc/cyrus.conf", SERVICES)
        self.run("sh", "-c", f"rm -rf {FOLDERS}; mkdir -p {FOLDERS} && chown -R cyrus:mail {FOLDERS}")
        users = "".join(f"{user}\n" for user in ["cyrus", *PEOPLE])
        add = f"rm -f /etc/sasldb2; while read -r user; do echo {PASSWORD} | saslpasswd2 -p -c -u {DOMAIN} $user; done; chown cyrus /etc/sasldb2"
        self.run("sh", "-c", add, input=users)

    def start(self):
        super().start()
        with imaplib.IMAP4("127.0.0.1", IMAP) as client:
            client.login("cyrus", PASSWORD)
            for login in PEOPLE:
                client.create(f"user/{login}")
                client.setacl(f"user/{login}", "anyone", "p")
