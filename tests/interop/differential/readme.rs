//! The examples of Postfix's `SOHO_README` and of the client's part of its `SASL_README`, typed in as they stand (in the folder readme): each is
//! imported and delivers, by the relay, under the login and with the addresses that the documents say.

use super::case::Case;
use super::moved::household;
use crate::need;

/// A sender; the relay and the login that its mail takes, and its address out there.
type Way = (&'static str, &'static str, &'static str, &'static str);

/// The one provider of most examples.
const ISP: [Way; 1] = [("me@x.example", "mail.isp.example:25", "username:password", "me@x.example")];

const ISP_SUBMISSION: [Way; 1] = [("me@x.example", "mail.isp.example:587", "username:password", "me@x.example")];

const GENERIC: [Way; 4] = [
    ("his@localdomain.local", "mail.isp.example:25", "username:password", "hisaccount@hisisp.example"),
    ("her@localdomain.local", "mail.isp.example:25", "username:password", "heraccount@herisp.example"),
    ("root", "mail.isp.example:25", "username:password", "hisaccount+local@hisisp.example"),
    ("me@x.example", "mail.isp.example:25", "username:password", "me@x.example"),
];

const CANONICAL: [Way; 2] = [
    ("your-login-name", "mail.isp.example:25", "username:password", "your-account@your-isp.com"),
    ("your-login-name@hostname.localdomain", "mail.isp.example:25", "username:password", "your-account@your-isp.com"),
];

const BY_SENDER: [Way; 3] = [
    ("user1@example.com", "mail.example.com:587", "username1:password1", "user1@example.com"),
    ("user2@example.net", "mail.example.net:25", "username2:password2", "user2@example.net"),
    ("user3@example.org", "mail.isp.example:25", "username:password", "user3@example.org"),
];

const BY_SENDER_SUBMISSION: [Way; 3] = [
    BY_SENDER[0],
    BY_SENDER[1],
    ("user3@example.org", "mail.isp.example:587", "username:password", "user3@example.org"),
];

/// Folder; ways; what the import must say.
const EXAMPLES: [(&str, &[Way], &str); 11] = [
    ("sasl", &ISP, "TLS for account isp: smtp_tls_security_level = encrypt"),
    ("sasl-submission", &ISP_SUBMISSION, "TLS for account isp"),
    ("sender-dependent", &BY_SENDER, "Postfix sent the password in clear text; TLS is now required"),
    ("sender-dependent-submission", &BY_SENDER_SUBMISSION, "smtp_sasl_security_options"),
    ("generic", &GENERIC, "TLS for account isp"),
    ("canonical", &CANONICAL, "virtual_alias_maps entry for your-account@your-isp.com"),
    ("policy-insecure", &ISP, "Postfix sent the password in clear text; TLS is now required"),
    ("policy-copied", &ISP, "TLS for account isp"),
    ("policy-plaintext-over-tls", &ISP, "TLS for account isp"),
    ("filter", &ISP, "TLS for account isp"),
    ("filter-all-but", &ISP, "TLS for account isp"),
];

/// The machine of the documents.
const NAME: &str = "echo localdomain.local >/proc/sys/kernel/hostname";

#[test]
fn the_examples_of_postfix_s_documents_move_over_and_deliver() {
    if !need::met(&["postmap", "ip"]) {
        return;
    }
    for (name, ways, told) in EXAMPLES {
        let cases: Vec<Case> = ways.iter().map(|(sender, ..)| mail(sender)).collect();
        let cases: Vec<&Case> = cases.iter().collect();
        let household = household(&format!("readme/{name}"), (NAME, ""), &cases);
        household.check();
        assert!(household.told().contains(told), "{name}: {}", household.told());
        for ((sender, relay, login, outside), run) in ways.iter().zip(household.ours(&cases)) {
            let [mail] = run.transactions.as_slice() else { panic!("{name}: {sender}: {run:?}") };
            let (user, password) = mail.login.clone().unwrap_or_default();
            let data = String::from_utf8_lossy(&mail.data);
            let from = data.lines().find_map(|line| line.strip_prefix("From: ")).unwrap_or_default();
            assert_eq!(
                (mail.relay.as_str(), format!("{user}:{password}").as_str(), mail.sender.as_str(), from),
                (*relay, *login, *outside, *outside),
                "{name}: {sender}"
            );
        }
    }
}

#[test]
fn a_stand_alone_host_has_no_relay_and_is_told_so() {
    if !need::met(&["postmap", "ip"]) {
        return;
    }
    let household = household("readme/stand-alone", (NAME, ""), &[]);
    let told = household.told();
    assert!(
        told.contains("this postfix delivers mail without a relay") && told.contains("nothing was written"),
        "{told}"
    );
}

fn mail(sender: &str) -> Case {
    let args = ["-f", sender, "friend@there.example"].map(|word| word.as_bytes().to_vec()).to_vec();
    let stdin = format!("From: {sender}\nTo: friend@there.example\nSubject: x\n\ntext\n").into_bytes();
    let (login, gecos) = ("his".to_owned(), "His Name".to_owned());
    Case { title: sender.to_owned(), login, gecos, args, stdin, ..Case::default() }
}
