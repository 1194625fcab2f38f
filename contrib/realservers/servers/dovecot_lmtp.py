"""Dovecot's LMTP server, from Debian, whose Maildirs are read back through its IMAP server."""

from mailboxes import LMTP, IMAP, MailboxServer
from provider import DOMAIN, PASSWORD, PEOPLE

CONFIG = f"""dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols = imap lmtp
listen = 127.0.0.1
hostname = {DOMAIN}
log_path = /var/log/dovecot.log
ssl = no
auth_allow_cleartext = yes
auth_username_format = %{{user | username | lower}}
mail_driver = maildir
mail_path = ~/Maildir
service imap-login {{
  inet_listener imap {{
    port = {IMAP}
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {LMTP}
  }}
}}
passdb passwd-file {{
  passwd_file_path = /etc/dovecot/users
}}
userdb passwd-file {{
  passwd_file_path = /etc/dovecot/users
}}
"""


class Server(MailboxServer):
    title = "Dovecot LMTP"
    debian = ("dovecot-lmtpd", "dovecot-imapd")
    command = ("dovecot", "-F")

    def prepare(self):
        self.write("etc/dovecot/dovecot.conf", CONFIG)
        users = (f"{login}:{{PLAIN}}{PASSWORD}:20000:20000::/home/{login}\n" for login in PEOPLE)
        self.write("etc/dovecot/users", "".join(users))
        self.fresh_homes()
        (self.root / "run/dovecot").mkdir(mode=0o755)
