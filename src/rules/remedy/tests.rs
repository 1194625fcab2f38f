//! Unit tests of `rules::remedy`.

use super::*;
use crate::config::read;

fn account(keys: &str) -> Account {
    let text = format!("[account.isp]\nrelay = \"[h.example]\"\npassword = \"x\"\n{keys}\n");
    read::read(std::path::Path::new("/x/config.toml"), &text).unwrap().accounts.remove(0)
}

fn told(meaning: Meaning, account: &Account, senders: [&str; 2], from: Option<&str>) -> String {
    let path = |text: &str| match text {
        "" => ReversePath::Null,
        text => ReversePath::Mailbox(Address::parse(text).unwrap()),
    };
    let [admitted, outgoing] = senders.map(path);
    let from = from.map(|from| Address::parse(from).unwrap());
    let about =
        Subject { account, admitted: &admitted, outgoing: &outgoing, header_from: from.as_ref(), hostname: "box" };
    remedy(meaning, &about)
}

#[test]
fn every_meaning_has_a_cure_in_one_sentence() {
    let account = account("username = \"me@isp.example\"");
    let no_change = [
        Meaning::TooManyLogins,
        Meaning::SendingLimit,
        Meaning::RecipientMailboxFull,
        Meaning::RecipientBusy,
        Meaning::TooManyRecipients,
        Meaning::ParameterRefused,
        Meaning::SessionOver,
        Meaning::ServerTrouble,
        Meaning::Greylisting,
    ];
    for meaning in Meaning::ALL {
        let cure = told(meaning, &account, ["root@box.lan"; 2], Some("root@box.lan"));
        assert!(!cure.ends_with('.') && !cure.contains(". "), "one sentence: {cure}");
        assert_eq!(cure.starts_with("no change needed"), no_change.contains(&meaning), "{meaning:?}: {cure}");
    }
}

#[test]
fn the_cure_names_the_key_the_row_or_the_command() {
    let account = account("username = \"me@isp.example\"");
    let table = [
        (Meaning::LoginRejected, "\"postrider password set isp\""),
        (Meaning::OauthWanted, "\"postrider login isp\""),
        (Meaning::AppPasswordWanted, "\"postrider password set isp\""),
        (Meaning::TokenExpired, "`command` in `password`"),
        (Meaning::MechanismRefused, "auth = [\"plain\", \"login\"]"),
        (Meaning::LoginBlocked, "\"postrider test isp\""),
        (Meaning::LoginWanted, "`relay`"),
        (Meaning::TlsSettings, "`tls` in [account.isp]"),
        (
            Meaning::SenderNotOwned,
            "in `generic`, map root@box.lan to an address of yours: \"root@box.lan\" = \"me@isp.example\"",
        ),
        (
            Meaning::SenderDomainUnknown,
            "in `generic`, map root@box.lan to an address of yours: \"root@box.lan\" = \"me@isp.example\"",
        ),
        (Meaning::HeaderFromRefused, "from = \"me@isp.example\""),
        (Meaning::SendingLimit, "`max_per_minute`"),
        (Meaning::TooManyConnections, "max_connections = 1"),
        (Meaning::AccountSuspended, "\"postrider flush --account isp\""),
        (Meaning::ClientAddressRefused, "IP address"),
        (Meaning::HeloRefused, "`hostname`"),
        (Meaning::RelayingDenied, "`relay`"),
        (Meaning::WrongServer, "`relay`"),
    ];
    for (meaning, words) in table {
        let cure = told(meaning, &account, ["root@box.lan"; 2], None);
        assert!(cure.contains(words), "{meaning:?}: {cure}");
    }
}

#[test]
fn no_cure_maps_an_address_to_itself() {
    let account = account("username = \"me@isp.example\"");
    for (admitted, outgoing, words) in [
        // Where the account's own address lies in the domain that does not exist, it is no cure.
        ("root@isp.example", "root@isp.example", "\"root@isp.example\" = \"you@provider.example\""),
        ("me@isp.example", "me@isp.example", "\"me@isp.example\" = \"you@provider.example\""),
        ("me@isp.example", "me@old.example", "remove what replaces me@isp.example"),
        ("root@box.lan", "root@box.lan", "\"root@box.lan\" = \"me@isp.example\""),
    ] {
        let cure = told(Meaning::SenderDomainUnknown, &account, [admitted, outgoing], None);
        assert!(cure.contains(words), "{admitted} {outgoing}: {cure}");
    }
    let cure = told(Meaning::SenderNotOwned, &account, ["me@isp.example", "other@isp.example"], None);
    assert!(cure.contains("remove what replaces me@isp.example"), "{cure}");
}

#[test]
fn a_refused_sender_is_told_what_differs() {
    let owner = account("username = \"me@isp.example\"");
    let cure = |senders, from| told(Meaning::SenderNotOwned, &owner, senders, from);
    assert!(cure(["alice@box.lan", "x@isp.example"], None).contains("in `generic`, map alice@box.lan"));
    assert!(cure(["me@isp.example"; 2], None).contains("check with the provider"));
    let differs = cure(["me@isp.example"; 2], Some("root@box.lan"));
    assert!(differs.contains("root@box.lan in the From field") && differs.contains("from = \"me@isp.example\""));
    let nameless = account("username = \"me\"\nsenders = [\"bob\", \"@w.example\"]");
    assert!(told(Meaning::SenderNotOwned, &nameless, ["a@x.example"; 2], None).contains("you@provider.example"));
    assert!(told(Meaning::NullSenderRefused, &nameless, [""; 2], None).contains("`senders`"));
    assert!(told(Meaning::NullSenderRefused, &owner, [""; 2], None).contains("from me@isp.example"));
}

#[test]
fn a_relay_that_wants_a_login_is_given_one() {
    let text = "[account.isp]\nrelay = \"[h.example]\"\n";
    let open = read::read(std::path::Path::new("/x/config.toml"), text).unwrap().accounts.remove(0);
    assert!(told(Meaning::LoginWanted, &open, ["a@x.example"; 2], None).contains("`username` and `password`"));
}
