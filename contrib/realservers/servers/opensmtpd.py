"""OpenSMTPD, from Debian. A sender that is not the login's is refused at MAIL, and so is the null sender."""

from provider import DOMAIN, MAX_RECIPIENTS, MAX_SIZE, OWNER, PASSWORD, PEOPLE, Debian

CONFIG = f"""pki {DOMAIN} cert "/etc/provider/cert.pem"
pki {DOMAIN} key "/etc/provider/key.pem"
table logins file:/etc/provider/logins
table owners {{ alice = "{OWNER}" }}
table mailboxes {{ PEOPLE }}
table one {{ "@" = "nobody" }}
smtp max-message-size {MAX_SIZE}
smtp limit max-rcpt {MAX_RECIPIENTS}
listen on lo port 587 tls-require pki {DOMAIN} auth <logins> senders <owners>
action keep mda "/usr/local/bin/keep %{{rcpt}}" virtual <one>
match auth from any for rcpt-to <mailboxes> action keep
"""


class Server(Debian):
    title = "OpenSMTPD"
    debian = ("opensmtpd", "openssl", "ca-certificates")
    command = ("smtpd", "-d")

    def prepare(self):
        people = ", ".join(f'"{name}@{DOMAIN}"' for name in PEOPLE)
        self.write("etc/smtpd.conf", CONFIG.replace("PEOPLE", people))
        self.write("etc/provider/logins", f"alice {self.run('openssl', 'passwd', '-6', PASSWORD)}")
        self.empty("var/spool/smtpd/queue")
        (self.root / "etc/provider/key.pem").chmod(0o600)
