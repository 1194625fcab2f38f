"""Exim, from Debian (exim4-daemon-heavy), with the checks of Debian's configuration that a client meets: the length of lines, and
recipients."""

from provider import DOMAIN, MAX_CONNECTIONS, MAX_MESSAGES, MAX_RECIPIENTS, MAX_SIZE, PASSWORD, PEOPLE, Debian

CONFIG = f"""primary_hostname = {DOMAIN}
daemon_smtp_ports = 587
local_interfaces = 127.0.0.1
log_file_path = /var/log/exim4/%slog
tls_advertise_hosts = *
tls_certificate = /etc/provider/cert.pem
tls_privatekey = /etc/provider/key.pem
acl_smtp_rcpt = check_rcpt
acl_smtp_data = check_data
message_size_limit = {MAX_SIZE}
recipients_max = {MAX_RECIPIENTS}
recipients_max_reject = false
smtp_accept_max_per_connection = {MAX_MESSAGES}
smtp_accept_max = {MAX_CONNECTIONS}
smtp_accept_queue_per_connection = 0
never_users = root

begin acl
check_rcpt:
  deny message = relay not permitted
       !authenticated = *
  require verify = recipient
  accept
check_data:
  deny message = maximum allowed line length is 998 octets, got $max_received_linelength
       condition = ${{if > {{$max_received_linelength}}{{998}}}}
  accept

begin routers
people:
  driver = accept
  domains = {DOMAIN}
  local_parts = lsearch;/etc/provider/people
  transport = keep
elsewhere:
  driver = redirect
  domains = !{DOMAIN}
  data = :blackhole:

begin transports
keep:
  driver = pipe
  command = /usr/local/bin/keep $local_part_data@{DOMAIN}
  user = nobody
  return_output

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_advertise_condition = ${{if def:tls_in_cipher}}
  server_prompts = :
  server_condition = ${{if and {{{{eq {{$auth2}}{{alice}}}}{{eq {{$auth3}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth2
"""


class Server(Debian):
    title = "Exim"
    debian = ("exim4-daemon-heavy",)
    command = ("exim4", "-bdf", "-q5s")

    def prepare(self):
        self.write("etc/exim4/exim4.conf", CONFIG)
        self.empty("var/spool/exim4/input")
        self.write("etc/provider/people", "".join(f"{name}: {name}\n" for name in PEOPLE))
