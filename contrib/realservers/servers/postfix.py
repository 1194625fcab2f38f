"""Postfix, from Debian, with its submission service and Dovecot for the logins."""

from provider import DOMAIN, MAILBOXES, MAX_CONNECTIONS, MAX_RECIPIENTS, MAX_SIZE, OWNER, PASSWORD, Debian

MAIN = f"""compatibility_level = 3.11
myhostname = {DOMAIN}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
maillog_file = /var/log/postfix.log
virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_maps = regexp:/etc/postfix/mailboxes
virtual_transport = keep
keep_destination_recipient_limit = 1
default_transport = discard
message_size_limit = {MAX_SIZE}
smtpd_recipient_limit = {MAX_RECIPIENTS}
smtpd_client_connection_count_limit = {MAX_CONNECTIONS}
smtpd_client_event_limit_exceptions =
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = /etc/provider/cert.pem
smtpd_tls_key_file = /etc/provider/key.pem
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sender_login_maps = inline:{{ {OWNER}=alice }}
smtpd_sender_restrictions = reject_sender_login_mismatch
smtpd_relay_restrictions = permit_sasl_authenticated, reject
"""
KEEP = "keep unix - n n - - pipe user=nobody argv=/usr/local/bin/keep ${recipient}\n"
DOVECOT = """dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols =
ssl = no
log_path = /var/log/dovecot.log
auth_mechanisms = plain login
passdb passwd-file {
  passwd_file_path = /etc/dovecot/logins
}
userdb static {
  fields {
    uid = nobody
    gid = nogroup
    home = /
  }
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0666
  }
}
"""


class Server(Debian):
    title = "Postfix"
    debian = ("postfix", "dovecot-core")
    command = ("postfix", "start-fg")
    service = "submission inet n - y - - smtpd\n"
    dovecot = DOVECOT

    def prepare(self):
        master = self.root / "etc/postfix/master.cf"
        original = self.root / "etc/postfix/master.cf.proto"
        lines = [line for line in original.read_text().splitlines() if not line.startswith(("smtp      inet", "#"))]
        master.write_text("\n".join(lines) + f"\n{self.service}{KEEP}")
        self.write("etc/postfix/main.cf", MAIN)
        self.write("etc/postfix/mailboxes", f"/^{MAILBOXES}@{DOMAIN.replace('.', '[.]')}$/ yes\n")
        self.write("etc/dovecot/dovecot.conf", self.dovecot)
        self.write("etc/dovecot/logins", f"alice:{{PLAIN}}{PASSWORD}\n")
        self.run("postfix", "check")
        self.empty("var/spool/postfix/deferred")
        self.empty("var/spool/postfix/private")
        (self.root / "run/dovecot").mkdir(mode=0o755)
        self.spawn("dovecot", "-F")
