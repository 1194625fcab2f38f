//! Postfix: what postconf(1) says that main.cf means, beside the keys of what was imported. That its mail goes out as before is shown
//! in `differential/moved`.

use support::provider::Provider;

use super::Machine;
use crate::need;

/// main.cf, and keys that the import has in place of these parameters.
const CONFIGURATIONS: [&str; 19] = [
    "relayhost = [smtp.isp.example]:587\n",
    "relayhost = smtp.isp.example\n",
    "relayhost = [smtp.isp.example]:submission\n",
    "relayhost = $mydomain\nmydomain = isp.example\n",
    "relayhost =\n [smtp.isp.example]:587\n# a comment\n",
    "relayhost = [first.example]\nrelayhost = [smtp.isp.example]:587\n",
    "myhostname = box.home.lan\nmydomain = home.lan\nmyorigin = $mydomain\nrelayhost = [smtp.$mydomain]\n",
    "myhostname = box.home.lan\nmyorigin = /etc/mailname\nrelayhost = [smtp.isp.example]\n",
    "myhostname = box.home.lan\nmydestination = $myhostname, localhost.$mydomain, localhost, nas.lan\nrelayhost = [smtp.isp.example]\n",
    "myhostname = box.home.lan\nmydestination =\nrelayhost = [smtp.isp.example]\n",
    "relayhost = [smtp.isp.example]\nmessage_size_limit = 20000000\nrecipient_delimiter = +-\n",
    "relayhost = [smtp.isp.example]\nmaximal_queue_lifetime = 3d\nminimal_backoff_time = 10m\nmaximal_backoff_time = 2h\n",
    "relayhost = ${relay?{$relay}:{[smtp.isp.example]}}\nrelay = [other.example]:587\n",
    "relayhost = ${relay:[smtp.isp.example]:465}\nsmtp_tls_wrappermode = yes\nsmtp_tls_security_level = encrypt\n",
    "compatibility_level = 3.6\nrelayhost = [smtp.isp.example]\nmyhostname = ${name?{$name}:{box}}.home.lan\n",
    "relayhost = [smtp.isp.example]\nmyhostname = box.home.lan\nmyorigin = ${{$mydomain} == {home.lan} ? {isp.example} : {no.example}}\n",
    "# B{FC}cher\nrelayhost =\n# between {FC}\n    [smtp.isp.example]:submission\nmail_name = {FC}\n",
    "myhostname=box.home.lan\nmydestination = $myhostname localhost\n \n   localhost.localdomain\nrelayhost=[smtp.isp.example]\n",
    "relayhost = [2001:db8::25]:2525\nsmtp_fallback_relay = $relayhost\n",
];

#[test]
fn main_cf_means_what_postconf_says() {
    if !need::met(&[]) {
        return;
    }
    let machine = Machine::new(&Provider::start(), None);
    for main in CONFIGURATIONS {
        machine.ok("rm -rf /etc/postfix", "");
        machine.write("/etc/postfix/main.cf", main);
        machine.write("/etc/postfix/master.cf", "smtp unix - - y - - smtp\n");
        let text = machine.import("postfix", "--send-only");
        let says =
            |name: &str| machine.ok(&format!("postconf -c /etc/postfix -xh {name} 2>/dev/null"), "").trim().to_owned();
        let has = |line: &str| assert!(text.lines().any(|have| have.starts_with(line)), "{line}\n{main}\n{text}");
        let is_set = |name: &str| main.lines().any(|line| line.starts_with(&format!("{name} =")));
        let relay = says("relayhost");
        let port = if relay.rsplit(']').next().unwrap().contains(':') { "" } else { ":25" };
        has(&format!("relay = \"{relay}{port}\""));
        if is_set("myhostname") {
            has(&format!("hostname = \"{}\"", says("myhostname")));
        }
        if is_set("myorigin") {
            let origin = says("myorigin").replace("/etc/mailname", "homebox.home.lan");
            has(&format!("origin = \"{origin}\""));
        }
        if is_set("mydestination") {
            let names = says("mydestination").replace(',', " ");
            let names: Vec<String> = names.split_whitespace().map(|name| format!("\"{name}\"")).collect();
            has(&format!("own_domains = [{}]", names.join(", ")));
        }
        if is_set("message_size_limit") {
            has(&format!("max_message_size = {}", says("message_size_limit")));
            has(&format!("recipient_delimiter = \"{}\"", says("recipient_delimiter")));
        }
        if is_set("maximal_queue_lifetime") {
            for (name, key) in [
                ("maximal_queue_lifetime", "lifetime"),
                ("minimal_backoff_time", "retry_min"),
                ("maximal_backoff_time", "retry_max"),
            ] {
                has(&format!("{key} = \"{}\"", says(name)));
            }
        }
    }
}

#[test]
fn import_says_how_much_waits_in_the_old_queue_and_what_sends_it() {
    if !need::met(&[]) {
        return;
    }
    let machine = Machine::new(&Provider::start(), None);
    machine.ok("rm -rf /etc/postfix", "");
    machine.write("/etc/postfix/main.cf", "relayhost = [smtp.isp.example]:587\nsmtp_tls_security_level = secure\n");
    let import = || machine.ok("rm -rf /run/moved; $OURS/postrider import postfix --send-only --output /run/moved", "");
    assert!(!import().contains("queue of postfix"), "nothing waits");
    machine.write("/var/spool/postfix/deferred/A/A1B2C3", "x");
    let one = "\n1 message still waits in the queue of postfix; before you remove it, send it with: postqueue -f\n";
    let told = import();
    assert!(told.contains(one), "{told}");
    machine.write("/var/spool/postfix/maildrop/D4", "x");
    machine.write("/var/spool/postfix/hold/E5", "x");
    let told = import();
    assert!(told.contains("\n3 messages still wait in the queue of postfix; "), "{told}");
    assert!(machine.run("test -e /var/spool/postfix/deferred/A/A1B2C3", "").status.success(), "it is only looked at");
    // The home of root is that of the machine that tests.
    machine.ok("mount -t tmpfs tmpfs /root", "");
    machine.write("/root/.msmtprc", "account default\nhost 127.0.0.1\nfrom me@isp.example\n");
    machine.write("/root/.msmtp.queue/1.mail", "x");
    machine.write("/root/.msmtp.queue/1.msmtp", "x");
    let told = machine.ok("rm -rf /run/moved; $OURS/postrider import msmtp --output /run/moved || :", "");
    assert!(
        told.contains(
            "\n1 message still waits in the queue of msmtp; before you remove it, send it with: msmtp-queue -r\n"
        ),
        "{told}"
    );
}
