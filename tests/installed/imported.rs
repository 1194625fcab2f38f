//! From another mail program to the first mail: its package or its configuration is there, postrider's package takes its place, and one
//! command converts what it had.

use crate::container::Container;
use crate::package_life::{ADDRESS, Home, PASSWORD, ready};

/// Debian's questions, answered for a machine that sends through a provider.
const SATELLITE: &str = "postfix postfix/main_mailer_type select Satellite system\n\
    postfix postfix/mailname string homebox.home.lan\n\
    postfix postfix/relayhost string [127.0.0.1]:PORT\n";

/// The name that the provider's certificate is for does not matter to Postfix as Debian sets it up.
const POSTFIX: &str = "postconf -e smtp_sasl_auth_enable=yes smtp_sasl_password_maps=hash:/etc/postfix/sasl_passwd \
    smtp_sasl_security_options=noanonymous smtp_tls_security_level=encrypt smtp_generic_maps=hash:/etc/postfix/generic\n\
    printf '[127.0.0.1]:PORT me@isp.example:correct horse\\n' >/etc/postfix/sasl_passwd\nchmod 600 /etc/postfix/sasl_passwd\n\
    printf '@homebox.home.lan me@isp.example\\n@homebox me@isp.example\\n' >/etc/postfix/generic\n\
    postmap /etc/postfix/sasl_passwd /etc/postfix/generic";

const EXIM: &str = "cat >/etc/exim4/update-exim4.conf.conf <<'END'\n\
    dc_eximconfig_configtype='smarthost'\ndc_other_hostnames='homebox.home.lan'\ndc_local_interfaces='127.0.0.1'\n\
    dc_readhost=''\ndc_relay_domains=''\ndc_minimaldns='false'\ndc_relay_nets=''\ndc_smarthost='isp.home.lan::PORT'\n\
    CFILEMODE='644'\ndc_use_split_config='false'\ndc_hide_mailname='false'\ndc_mailname_in_oh='true'\n\
    dc_localdelivery='mail_spool'\nEND\n\
    printf 'isp.home.lan:me@isp.example:correct horse\\n' >/etc/exim4/passwd.client\n\
    printf 'root: me@isp.example\\n' >/etc/email-addresses";

const MSMTP: &str = "cat >/etc/msmtprc <<'END'\ndefaults\ntls on\nauth on\naliases /etc/aliases\naccount default\nhost 127.0.0.1\n\
    port PORT\nuser me@isp.example\npassword correct horse\nfrom me@isp.example\nEND\nchmod 600 /etc/msmtprc";

impl Home {
    /// The same with the provider's port in it.
    fn ok_at_port(&self, script: &str) -> String {
        self.ok(&script.replace("PORT", &self.isp().port().to_string()))
    }

    /// Installs postrider in the place of what is there, converts, and sends.
    #[track_caller]
    fn moves_over(&self, program: &str, replaced: &str) {
        let told = self.ok("apt-get -y install ./old.deb && apt-get check");
        assert!(told.contains(replaced), "{told}");
        assert!(told.contains(&format!("run \"postrider import {program}\"")), "{told}");
        let told = self.ok(&format!("postrider import {program}"));
        assert!(told.contains("wrote /etc/postrider/config.toml"), "{told}");
        assert!(told.contains("- from root: <me@isp.example>"), "{told}");
        for owned in ["/etc/postrider/config.toml", "/etc/postrider/secrets/*"] {
            assert_eq!(self.ok(&format!("stat -c '%a %U %G' {owned}")).trim(), "640 root postrider", "{owned}");
        }
        self.ok("test -e /etc/postrider/config.toml.before-import");
        self.sends("root", &format!("after {program}"));
        let mail = self.arrives(&format!("after {program}"));
        let to = ["friend@away.example".to_owned()];
        assert_eq!((mail.from.as_str(), mail.to.as_slice(), mail.username()), (ADDRESS, &to[..], ADDRESS));
        assert!(mail.field("From").contains(ADDRESS), "{}", mail.field("From"));
        let check = self.container.run("postrider check");
        assert_ne!(check.status.code(), Some(78), "{}", String::from_utf8_lossy(&check.stdout));
        self.ok("postrider test");
        // Nothing of it is left in the way of the next one.
        self.ok("apt-get -y purge postrider && rm -rf /etc/postrider /var/spool/postrider");
    }
}

#[test]
fn one_command_moves_postfix_exim_and_msmtp_over() {
    if !ready() {
        return;
    }
    assert_eq!(PASSWORD, "correct horse", "it stands in the files above");
    let home = Home::new(Container::boot);
    home.ok("echo '127.0.0.1 isp.home.lan' >>/etc/hosts; echo homebox.home.lan >/etc/mailname");
    home.container.write("/srv/satellite", &SATELLITE.replace("PORT", &home.isp().port().to_string()));
    home.ok(
        "debconf-set-selections /srv/satellite && cd postfix && apt-get -y --no-install-recommends install ./*.deb",
    );
    home.ok_at_port(POSTFIX);
    home.moves_over("postfix", "Removing postfix");

    home.ok("apt-get -y purge postfix && rm -rf /etc/postfix && cd exim && apt-get -y --no-install-recommends install ./*.deb");
    home.ok_at_port(EXIM);
    home.moves_over("exim", "Removing exim4-daemon-light");

    home.ok("apt-get -y purge exim4-config exim4-base && rm -rf /etc/exim4");
    home.ok_at_port(MSMTP);
    home.ok("printf 'root: me@isp.example\\n' >/etc/aliases");
    home.moves_over("msmtp", "Setting up postrider");
}
