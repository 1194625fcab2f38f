"""Dovecot's submission service, from Debian, in front of a Postfix that trusts it."""

from provider import DOMAIN, MAX_CONNECTIONS, MAX_RECIPIENTS, MAX_SIZE, PORT
from servers import postfix

RELAY = """127.0.0.1:2525 inet n - y - - smtpd
  -o smtpd_tls_security_level=none -o smtpd_sasl_auth_enable=no
  -o smtpd_sender_restrictions= -o smtpd_relay_restrictions=permit_mynetworks,reject
  -o smtpd_client_connection_count_limit=0
"""
CONFIG = f"""dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols = submission
listen = 127.0.0.1
hostname = {DOMAIN}
log_path = /var/log/dovecot.log
ssl = required
ssl_server_cert_file = /etc/provider/cert.pem
ssl_server_key_file = /etc/provider/key.pem
auth_mechanisms = plain login
mail_driver = maildir
mail_path = /tmp/maildir
submission_relay_host = 127.0.0.1
submission_relay_port = 2525
submission_relay_trusted = yes
submission_max_mail_size = {MAX_SIZE}
submission_max_recipients = {MAX_RECIPIENTS}
mail_max_userip_connections = {MAX_CONNECTIONS}
passdb passwd-file {{
  passwd_file_path = /etc/dovecot/logins
}}
userdb static {{
  fields {{
    uid = 20000
    gid = 20000
    home = /tmp/home
  }}
}}
"""


class Server(postfix.Server):
    title = "Dovecot submission"
    debian = ("dovecot-submissiond", "postfix")
    ports = (2525, PORT)
    service = RELAY
    dovecot = CONFIG
