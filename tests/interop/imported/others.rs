//! dma, nullmailer, Exim and `OpenSMTPD` as Debian packages them, unpacked: set up as their manuals say, and their mail beside ours.

use support::provider::Provider;
use support::wait::wait_for;

use super::{Call, Compared, Machine};
use crate::need;

/// Calls of programs and of people.
const CALLS: [Call; 6] = [
    (&["-i", "bob@away.example"], "From: root@homebox.home.lan\nTo: bob@away.example\n\nhi\n"),
    (
        &["-i", "-f", "alice@homebox.home.lan", "bob@away.example"],
        "From: alice@homebox.home.lan\nTo: bob@away.example\n\nhi\n",
    ),
    (
        &["-i", "-t"],
        "From: root@homebox.home.lan\nTo: bob@away.example, friend@isp.example\nCc: c@away.example\n\nhi\n",
    ),
    // As cron and people call it.
    (&["-i", "root"], "From: root\nTo: root\n\nhi\n"),
    (&["-i", "bob@away.example"], "To: bob@away.example\n\nhi\n"),
    (&["-i", "root@homebox.home.lan"], "From: root@homebox.home.lan\nTo: root@homebox.home.lan\n\nhi\n"),
];

/// Who logs in at the provider.
const ME: (&str, &str) = ("me@isp.example", "p:w 1");

fn isp() -> Provider {
    Provider::setup().named("smtp.isp.example").login(ME.0, ME.1).start()
}

#[test]
fn mail_of_dma_goes_out_as_before() {
    let Some(package) = need::package("dma", "dma") else { return };
    let isp = isp();
    let usual = format!(
        "SMARTHOST smtp.isp.example\nPORT {}\nSECURETRANSFER\nSTARTTLS\nAUTHPATH /etc/dma/auth.conf\nMAILNAME /etc/mailname\n\
         ALIASES /etc/aliases\n",
        isp.port()
    );
    for (more, compared) in [
        ("", Compared::Everything),
        ("MASQUERADE me@isp.example\n", Compared::Envelope),
        ("MASQUERADE isp.example\n", Compared::Envelope),
        ("MASQUERADE me@\n", Compared::Envelope),
        ("FULLBOUNCE\n# NULLCLIENT\n", Compared::Everything),
    ] {
        let machine = Machine::new(&isp, Some(&package));
        machine.write("/etc/dma/dma.conf", &format!("{usual}{more}"));
        machine.write("/etc/dma/auth.conf", "# user|host:password\nme@isp.example|smtp.isp.example:p:w 1\n");
        machine.ok("install -d -m 2775 -g mail /var/spool/dma; chgrp mail /etc/dma/*; chmod 640 /etc/dma/*", "");
        machine.import("dma", "");
        // Debian's leaves the domain of -f unmasqueraded; version 0.14 does not, and we do as that one.
        let calls = if more == "MASQUERADE isp.example\n" { &CALLS[2..] } else { &CALLS[..] };
        machine.same(&isp, more, "dma", compared, calls);
    }
}

#[test]
fn mail_of_nullmailer_goes_out_as_before() {
    let Some(package) = need::package("nullmailer", "nullmailer-send") else { return };
    let isp = isp();
    let remote =
        format!("smtp.isp.example smtp --port={} --starttls --user=me@isp.example --pass='p:w 1'\n", isp.port());
    let start = "mkdir -p /var/spool/nullmailer/queue /var/spool/nullmailer/tmp /var/spool/nullmailer/failed\n\
        mkfifo -m 622 /var/spool/nullmailer/trigger\nchown -R mail:mail /var/spool/nullmailer /etc/nullmailer\n\
        setpriv --reuid mail --regid mail --clear-groups nullmailer-send >/run/program.log 2>&1 &";
    for (files, compared) in [
        (&[("adminaddr", "me@isp.example\n")][..], Compared::Everything),
        (&[("defaulthost", "isp.example\n")], Compared::Everything),
        (&[("allmailfrom", "me@isp.example\n"), ("adminaddr", "me@isp.example,you@isp.example\n")], Compared::Envelope),
    ] {
        let machine = Machine::new(&isp, Some(&package));
        machine.write("/etc/nullmailer/remotes", &remote);
        for (name, text) in files {
            machine.write(&format!("/etc/nullmailer/{name}"), text);
        }
        machine.import("nullmailer", "");
        machine.ok(start, "");
        machine.same(&isp, &format!("{files:?}"), "/usr/sbin/sendmail", compared, &CALLS);
    }
}

#[test]
fn mail_of_exim_goes_out_as_before() {
    let Some(package) = need::package("exim", "update-exim4.conf") else { return };
    let isp = isp();
    // What Exim listens on is what it takes for itself, and it sends nothing there.
    let usual = format!(
        "dc_other_hostnames='homebox.home.lan'\ndc_local_interfaces='127.0.0.9'\ndc_relay_domains=''\ndc_minimaldns='false'\n\
         dc_relay_nets=''\ndc_smarthost='smtp.isp.example::{}'\nCFILEMODE='644'\ndc_use_split_config='false'\n\
         dc_mailname_in_oh='true'\ndc_localdelivery='mail_spool'\n",
        isp.port()
    );
    let prepare = "echo 'Debian-exim:x:20100:20100::/var/spool/exim4:/usr/sbin/nologin' >>/etc/passwd\n\
        echo 'Debian-exim:x:20100:' >>/etc/group\n\
        mkdir -p /var/spool/exim4/input /var/spool/exim4/db /var/spool/exim4/msglog /var/log/exim4 /var/lib/exim4\n\
        chown -R Debian-exim:Debian-exim /var/spool/exim4 /var/log/exim4\n\
        chgrp Debian-exim /etc/exim4/passwd.client; chmod 640 /etc/exim4/passwd.client\nupdate-exim4.conf";
    let usual_name = "homebox.home.lan\n";
    let usual_password = "# host:login:password\nsmtp.isp.example:me@isp.example:p:w 1\n";
    for (conf, addresses, passwords, mailname) in [
        (
            "dc_eximconfig_configtype='smarthost'\ndc_readhost='isp.example'\ndc_hide_mailname='true'\n",
            "",
            usual_password,
            usual_name,
        ),
        (
            "dc_eximconfig_configtype='smarthost'\ndc_readhost=''\ndc_hide_mailname='false'\n",
            "root: me@isp.example\nalice: alice@isp.example\n",
            usual_password,
            usual_name,
        ),
        // The mail name completes addresses, and is no domain of the machine; the keys of the lookups in each of their forms.
        (
            "dc_eximconfig_configtype='smarthost'\n",
            "\"root\"\n  me@isp.example\nalice alice@isp.example\n",
            "other.example:x:y\n^smtp\\.isp\\.(net|example)$ me@isp.example:p:w\n  1\n*:other:pw2\n",
            "isp.example\n",
        ),
        (
            "dc_eximconfig_configtype='smarthost'\ndc_readhost='isp.example'\ndc_hide_mailname='true'\n",
            "root: me@isp.example\n",
            usual_password,
            usual_name,
        ),
        (
            "dc_eximconfig_configtype='satellite'\ndc_readhost='isp.example'\ndc_hide_mailname='true'\n",
            "",
            usual_password,
            usual_name,
        ),
    ] {
        let machine = Machine::new(&isp, Some(&package));
        machine.write("/etc/exim4/update-exim4.conf.conf", &format!("{conf}{usual}"));
        machine.write("/etc/exim4/passwd.client", passwords);
        machine.write("/etc/mailname", mailname);
        machine.write("/etc/email-addresses", addresses);
        machine.ok("chmod 644 /etc/mailname /etc/email-addresses /etc/exim4/update-exim4.conf.conf", "");
        machine.ok(prepare, "");
        machine.import("exim", "");
        machine.same(&isp, &format!("{conf}{addresses}"), "exim4", Compared::Sender, &CALLS);
    }
}

#[test]
fn mail_of_opensmtpd_goes_out_as_before() {
    let Some(package) = need::package("opensmtpd", "smtpd") else { return };
    let isp = isp();
    isp.add_login("kid", "theirs");
    let secrets = "table secrets file:/etc/mail/secrets\ntable aliases file:/etc/aliases\n";
    let relay = |name: &str, label: &str, more: &str| {
        let port = isp.port();
        format!(
            "action \"{name}\" relay host smtp+tls://{label}@smtp.isp.example:{port} tls no-verify auth <secrets> {more}\n"
        )
    };
    let local = "action \"local\" mbox alias <aliases>\nmatch for local action \"local\"\n";
    let any = "match from local for any action \"out\"\n";
    let start = "printf 'opensmtpd:x:20101:20101::/:/usr/sbin/nologin\\nopensmtpq:x:20102:20102::/:/usr/sbin/nologin\\n' >>/etc/passwd\n\
        printf 'opensmtpd:x:20101:\\nopensmtpq:x:20102:\\n' >>/etc/group\n\
        chgrp opensmtpq /usr/sbin/smtpctl; chmod 2755 /usr/sbin/smtpctl\n\
        mkdir -p /var/lib/opensmtpd/empty; mkdir -m 711 /var/spool/smtpd\n\
        chown root:opensmtpd /etc/mail/secrets; chmod 640 /etc/mail/secrets\n\
        smtpd -d -f /etc/smtpd.conf >/run/program.log 2>&1 &";
    for (conf, compared) in [
        (format!("{secrets}{}{local}{any}", relay("out", "mine", "")), Compared::Everything),
        (format!("{secrets}{}{local}{any}", relay("out", "mine", "mail-from \"me@isp.example\"")), Compared::Envelope),
        (format!("{secrets}{}{local}{any}", relay("out", "mine", "mail-from \"@isp.example\"")), Compared::Envelope),
        (
            format!(
                "{secrets}{}{}{local}match mail-from \"alice@homebox.home.lan\" for any action \"kid\"\n{any}",
                relay("out", "mine", ""),
                relay("kid", "kid", "")
            ),
            Compared::Everything,
        ),
        // The rule for nearly all mail comes before that for local mail, and leaves it to that.
        (
            format!(
                "{secrets}{}match ! for domain \"homebox.home.lan\" action \"out\"\n{local}",
                relay("out", "mine", "")
            ),
            Compared::Everything,
        ),
    ] {
        let machine = Machine::new(&isp, Some(&package));
        machine.write("/etc/mail/secrets", "mine me@isp.example:p:w 1\nkid kid:theirs\n");
        machine.write("/etc/smtpd.conf", &conf);
        machine.import("opensmtpd", "");
        machine.ok(start, "");
        wait_for("smtpd", || machine.run("test -S /run/smtpd.sock", "").status.success());
        machine.same(&isp, &conf, "/usr/sbin/sendmail", compared, &CALLS);
    }
}
