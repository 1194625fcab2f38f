"""Sendmail, from Debian, with the daemon options of its submission service and a local mailer that keeps messages."""

import os

from provider import DOMAIN, MAX_RECIPIENTS, MAX_SIZE, PASSWORD, Debian

CONFIG = f"""include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(`debian')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
define(`confDOMAIN_NAME', `{DOMAIN}')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confAUTH_OPTIONS', `A p y')dnl
define(`confAUTH_MECHANISMS', `DIGEST-MD5 CRAM-MD5 LOGIN PLAIN')dnl
TRUST_AUTH_MECH(`DIGEST-MD5 CRAM-MD5 LOGIN PLAIN')dnl
define(`confCACERT', `/etc/provider/cert.pem')dnl
define(`confCACERT_PATH', `/etc/provider')dnl
define(`confSERVER_CERT', `/etc/provider/cert.pem')dnl
define(`confSERVER_KEY', `/etc/provider/key.pem')dnl
define(`confMAX_MESSAGE_SIZE', `{MAX_SIZE}')dnl
define(`confMAX_RCPTS_PER_MESSAGE', `{MAX_RECIPIENTS}')dnl
define(`confSERVICE_SWITCH_FILE', `/etc/mail/service.switch-nodns')dnl
define(`confTO_IDENT', `0')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confQUEUE_LA', `1000')dnl
FEATURE(`local_procmail', `/usr/local/bin/keep', `keep $u', `SPhn9')dnl
DAEMON_OPTIONS(`Family=inet, Name=MSP-v4, Port=submission, M=Ea, Addr=127.0.0.1')dnl
LOCAL_DOMAIN(`{DOMAIN}')dnl
MAILER(`local')dnl
"""
SASL = """pwcheck_method: auxprop
auxprop_plugin: sasldb
mech_list: DIGEST-MD5 CRAM-MD5 LOGIN PLAIN
"""


class Server(Debian):
    title = "Sendmail"
    debian = ("sendmail-bin", "sendmail-cf", "sasl2-bin", "libsasl2-modules", "m4", "openssl")
    command = ("/usr/sbin/sendmail", "-bD", "-q10s")

    def prepare(self):
        self.people()
        self.write("etc/mail/real.mc", CONFIG)
        self.write("etc/mail/sendmail.cf", self.run("m4", "/etc/mail/real.mc"))
        self.write("etc/mail/local-host-names", f"{DOMAIN}\n")
        for folder in ["etc/mail/sasl", "usr/lib/sasl2"]:
            self.write(f"{folder}/Sendmail.conf", SASL)
        self.run("saslpasswd2", "-c", "-p", "-u", DOMAIN, "alice", input=PASSWORD)
        (self.root / "etc/provider/key.pem").chmod(0o600)
        # Debian gives the folder to a user that is not root, for a daemon that is started by its own script.
        os.chown(self.root / "var/spool/mqueue", 0, 0)
        self.empty("var/spool/mqueue")
        (self.root / "run/sendmail/mta").mkdir(parents=True)
