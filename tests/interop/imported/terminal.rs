//! On a terminal, `import` asks where it cannot know: which relay takes the place of direct delivery, and whether mail may go otherwise
//! than it did.

use support::provider::Provider;

use super::Machine;
use crate::need;

/// What the command prints on a terminal where these lines are typed, and whether it wrote a configuration.
fn typed(machine: &Machine, command: &str, lines: &str) -> (String, bool) {
    let script = format!(
        "rm -rf /run/moved; script -qec \"$OURS/postrider import {command} --output /run/moved\" /dev/null || :"
    );
    let told = machine.ok(&script, lines).replace('\r', "");
    let wrote = machine.run("test -e /run/moved/config.toml", "").status.success();
    (told, wrote)
}

#[test]
fn import_asks_where_mail_would_go_otherwise() {
    if !need::met(&["script"]) {
        return;
    }
    let machine = Machine::new(&Provider::start(), None);
    machine.ok("rm -rf /etc/postfix", "");
    machine.write("/etc/postfix/main.cf", "relayhost = [smtp.isp.example]:587\nsmtp_tls_security_level = may\nsmtp_generic_maps = hash:/etc/postfix/generic\n");
    machine.write("/etc/postfix/generic", "root me@isp.example\n");
    let question = "Some mail will be routed differently. Write /run/moved/config.toml anyway";
    for (answer, is_written) in [("no\n", false), ("yes\n", true), ("\n", true), ("perhaps\nno\n", false)] {
        let (told, wrote) = typed(&machine, "postfix --send-only", answer);
        assert!(told.contains(question) && wrote == is_written, "{answer}: {told}");
        let nothing = machine.run("test ! -e /run/moved", "").status.success();
        assert_eq!(nothing, !is_written, "{answer}: files that no config names stay");
        assert_eq!(told.contains("nothing was written"), !is_written, "{told}");
        assert_eq!(told.contains("answer yes or no"), answer.starts_with("perhaps"), "{told}");
    }
    // Nothing to ask.
    machine.write(
        "/etc/postfix/main.cf",
        "relayhost = [smtp.isp.example]:587\nsmtp_tls_security_level = secure\nmydestination =\n",
    );
    let (told, wrote) = typed(&machine, "postfix --send-only", "");
    assert!(!told.contains(question) && wrote, "{told}");
}

#[test]
fn import_asks_for_the_relay_that_there_was_not() {
    if !need::met(&["script"]) {
        return;
    }
    let machine = Machine::new(&Provider::start(), None);
    machine.ok("rm -rf /etc/postfix", "");
    machine.write("/etc/postfix/main.cf", "myhostname = box.home.lan\ninet_interfaces = loopback-only\n");
    let (told, wrote) = typed(&machine, "postfix", "");
    assert!(told.contains("delivers mail without a relay") && told.contains("--send-only") && !wrote, "{told}");
    let (told, wrote) = typed(&machine, "postfix --send-only", "smtp.isp.example:465\nme@isp.example\nyes\n");
    assert!(told.contains("The relay to use instead (HOST[:PORT])") && wrote, "{told}");
    let config = machine.ok("cat /run/moved/config.toml", "");
    assert!(
        config.contains("relay = \"[smtp.isp.example]:465\"") && config.contains("username = \"me@isp.example\""),
        "{config}"
    );
}
