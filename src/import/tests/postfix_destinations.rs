//! Which names Postfix takes for its machine's own, whether others send their mail there, and which mail of its users goes where.

use super::{case, drafted, drafted_on, translated};
use crate::import::Program;

const MASTER: &str = "smtp inet n - n - - smtpd\nsmtp unix - - n - - smtp\n";

#[test]
fn a_postfix_that_receives_mail_is_known_by_all_of_its_domains() {
    let usual = "myhostname = box.home.lan\nrelayhost = [smtp.isp.example]:587\n";
    for (main, master, serves) in [
        ("mydestination = localhost", MASTER, ""),
        (
            "mydestination = localhost, example.org",
            MASTER,
            "receives mail for example.org (inet_interfaces, mydestination)",
        ),
        (
            "mydestination = /c/names, localhost",
            MASTER,
            "receives mail for file.example (inet_interfaces, mydestination)",
        ),
        ("mydestination = hash:/c/table", MASTER, "receives mail for table.example (inet_interfaces, mydestination)"),
        ("mydestination = /c/gone", MASTER, "may receive mail for others (mydestination = /c/gone: cannot be read"),
        ("mydestination = pcre:/c/patterns", MASTER, "may receive mail for others (mydestination = pcre:/c/patterns"),
        (
            "mydestination = localhost\nvirtual_alias_domains = a.example",
            MASTER,
            "receives mail for a.example (inet_interfaces, virtual_alias_domains)",
        ),
        (
            "mydestination = localhost\nvirtual_alias_maps = hash:/c/virtual",
            MASTER,
            "receives mail for b.example (inet_interfaces, virtual_alias_maps)",
        ),
        ("mydestination = localhost\nvirtual_alias_domains =\nvirtual_alias_maps = hash:/c/virtual", MASTER, ""),
        ("mydestination = localhost\nvirtual_alias_maps = inline:{ root@box.home.lan=me@isp.example }", MASTER, ""),
        ("mydestination = a.example\ninet_interfaces = loopback-only", MASTER, ""),
        // An address in master.cf is listened on whatever inet_interfaces says.
        (
            "mydestination = a.example\ninet_interfaces = loopback-only",
            "203.0.113.5:smtp inet n - n - - smtpd\n",
            "receives mail for a.example",
        ),
        ("mydestination = a.example", "127.0.0.1:smtp inet n - n - - smtpd\n", ""),
    ] {
        let main = format!("{usual}{main}\n");
        let files = [
            ("/c/main.cf", main.as_str()),
            ("/c/master.cf", master),
            ("/c/names", "# ours\nfile.example, box.lan\n"),
            ("/c/table", "table.example OK\n"),
            ("/c/patterns", "/example/ OK\n"),
            ("/c/virtual", "b.example anything\ninfo@b.example me@isp.example\n"),
        ];
        let draft = drafted(Program::Postfix, "/c", &files);
        assert_eq!(draft.serves.is_empty(), serves.is_empty(), "{main}\n{:?}", draft.serves);
        assert!(draft.serves.iter().all(|how| how.contains(serves)), "{main}\n{:?}", draft.serves);
    }
    let main = format!("{usual}mydestination = /c/names, hash:/c/table\n");
    let files = [("/c/main.cf", main.as_str()), ("/c/names", "box.home.lan\nnas.lan\n"), ("/c/table", "tv.lan x\n")];
    case(
        Program::Postfix,
        &files,
        &["own_domains = [\"box.home.lan\", \"nas.lan\", \"tv.lan\"]"],
        &["# Not imported: mydestination"],
    );
}

#[test]
fn without_a_destination_nothing_stays_on_the_machine() {
    let main =
        "mydestination =\nrelayhost = [a.example]\nvirtual_alias_maps = inline:{ root@box.home.lan=me@isp.example }\n";
    case(Program::Postfix, &[("/c/main.cf", main)], &["own_domains = []"], &["# Changed: local mailboxes"]);
}

#[test]
fn a_machine_whose_name_has_no_domain_is_called_as_by_postfix() {
    for (main, has) in [
        (
            "",
            [
                "hostname = \"vm.localdomain\"",
                "own_domains = [\"vm.localdomain\", \"localhost.localdomain\", \"localhost\"]",
            ],
        ),
        (
            "mydomain = home.lan\n",
            ["hostname = \"vm.home.lan\"", "own_domains = [\"vm.home.lan\", \"localhost.home.lan\", \"localhost\"]"],
        ),
        // A name that is set is not completed.
        (
            "myhostname = box\nmydomain = home.lan\n",
            ["hostname = \"box\"", "own_domains = [\"box\", \"localhost.home.lan\", \"localhost\"]"],
        ),
    ] {
        let main = format!("{main}relayhost = [a.example]\n");
        let text = drafted_on("vm", Program::Postfix, &[("/c/main.cf", &main)]).config("/c");
        assert!(has.iter().all(|part| text.contains(part)), "{has:?}\n{text}");
    }
}

#[test]
fn a_user_without_a_domain_has_the_relay_that_postfix_finds_for_it() {
    let usual = "myhostname = box.home.lan\nrelayhost = [a.example]\n";
    for (rows, has, has_not) in [
        (
            "sender_dependent_relayhost_maps = inline:{ ann=[b.example] }",
            "senders = [\"ann@box.home.lan\"]",
            "# Not imported: sender",
        ),
        (
            "myorigin = home.lan\nsender_dependent_relayhost_maps = inline:{ ann=[b.example] }",
            "senders = [\"ann@home.lan\"]",
            "# Not imported: sender",
        ),
        (
            "sender_dependent_default_transport_maps = inline:{ { ann = smtp:[b.example] } }",
            "senders = [\"ann@box.home.lan\"]",
            "# Not imported: sender",
        ),
        // The whole address comes first.
        (
            "sender_dependent_relayhost_maps = inline:{ ann=[b.example], ann@box.home.lan=[c.example] }",
            "relay = \"[c.example]:25\"",
            "b.example",
        ),
        (
            "sender_dependent_default_transport_maps = inline:{ { <> = smtp:[b.example] } }",
            "# Not imported: sender_dependent_default_transport_maps entry for <>",
            "b.example\"",
        ),
    ] {
        case(Program::Postfix, &[("/c/main.cf", &format!("{usual}{rows}\n"))], &[has], &[has_not]);
    }
}

#[test]
fn a_user_without_a_domain_has_the_login_that_postfix_finds_for_it() {
    let usual = "myhostname = box.home.lan\nrelayhost = relay\nsmtp_sasl_auth_enable = yes\nsmtp_tls_security_level = encrypt\n\
        smtp_sasl_password_maps = inline:{ { bob = bobby:pb }, { relay = host:ph } }\n";
    let by_sender = format!("{usual}smtp_sender_dependent_authentication = yes\n");
    let bob =
        "username = \"bobby\"    # smtp_sasl_password_maps, smtp_sasl_auth_enable\nsenders = [\"bob@box.home.lan\"]";
    case(Program::Postfix, &[("/c/main.cf", &by_sender)], &[bob, "username = \"host\""], &["relay@", "no relay has"]);
    case(Program::Postfix, &[("/c/main.cf", usual)], &["username = \"host\""], &["bobby"]);
}

#[test]
fn the_relay_is_that_of_the_sender_before_generic() {
    let main = "myhostname = box.home.lan\nmydestination = $myhostname\nrelayhost = [a.example]\n\
        sender_dependent_relayhost_maps = inline:{ joe@isp.example=[b.example] }\n\
        smtp_generic_maps = inline:{ root@box.home.lan=joe@isp.example }\n";
    let (config, _, text) = translated(Program::Postfix, "/c", &[("/c/main.cf", main)]);
    let senders: Vec<String> = config.accounts.iter().map(|account| account.senders.join(" ")).collect();
    assert_eq!(senders, ["@box.home.lan", "joe@isp.example"], "{text}");
    let plain = main.split("smtp_generic_maps").next().unwrap_or_default();
    case(Program::Postfix, &[("/c/main.cf", plain)], &["senders = [\"joe@isp.example\"]"], &["senders = [\"@"]);
}

#[test]
fn a_transport_for_all_mail_has_that_for_this_machine_as_well() {
    let main = |row: &str| {
        format!(
            "myhostname = box.home.lan\nmydestination = $myhostname, localhost\ntransport_maps = inline:{{ {row} }}\n"
        )
    };
    for (row, own, stays) in [
        ("{ * = smtp:[a.example]:587 }", "own_domains = []", ""),
        (
            "{ box.home.lan = local: }, { * = smtp:[a.example]:587 }",
            "own_domains = [\"box.home.lan\"]",
            "# Changed: local mailboxes",
        ),
        ("{ * = :[a.example]:587 }", "own_domains = [\"box.home.lan\", \"localhost\"]", "# Changed: local mailboxes"),
    ] {
        let main = main(row);
        let has_not = if stays.is_empty() { "# Changed: local mailboxes" } else { "own_domains = []" };
        case(Program::Postfix, &[("/c/main.cf", &main)], &[own, stays], &[has_not]);
    }
}
