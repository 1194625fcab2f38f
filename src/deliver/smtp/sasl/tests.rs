//! Unit tests of `deliver::smtp::sasl`.

use super::*;

fn offered(names: &[&str]) -> Vec<String> {
    names.iter().map(|&n| n.to_owned()).collect()
}

#[test]
fn the_safest_offered_and_allowed_comes_first() {
    use Mechanism::CramMd5;
    use Mechanism::Login as LoginName;
    use Mechanism::{Plain, ScramSha1, ScramSha256, ScramSha256Plus, XOAuth2};
    let usual = Mechanism::usual();
    let login = Login::new("me".to_owned(), Secret::new("x".to_owned()));
    let chosen = |names: &[&str], allowed: &[Mechanism], bindable| {
        candidates(&offered(names), allowed, &login, bindable, Cover::Tls)
    };
    assert_eq!(chosen(&["LOGIN", "PLAIN"], &usual, Bindable::No), [Plain, LoginName]);
    assert_eq!(chosen(&["LOGIN", "PLAIN"], &[LoginName], Bindable::No), [LoginName]);
    assert_eq!(chosen(&["DIGEST-MD5"], &usual, Bindable::No), []);
    let many = ["PLAIN", "XOAUTH2", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "EXTERNAL"];
    assert_eq!(chosen(&many, &usual, Bindable::No), [ScramSha256, ScramSha1, Plain, CramMd5]);
    let clear = candidates(&offered(&many), &usual, &login, Bindable::No, Cover::Clear);
    assert_eq!(clear, [ScramSha256, ScramSha1, CramMd5, Plain]);
    assert_eq!(chosen(&many, &usual, Bindable::Yes)[0], ScramSha256Plus);
    assert_eq!(chosen(&many, &[XOAuth2, Plain], Bindable::Yes), [XOAuth2, Plain], "only where it is listed");
    let shown = Login { username: None, password: None, certificate: Certificate::Shown };
    assert_eq!(candidates(&offered(&many), &usual, &shown, Bindable::Yes, Cover::Tls), [Mechanism::External]);
}

#[test]
fn after_a_rejection_the_other_kind_comes_next_and_a_compared_password_is_not_sent_again() {
    use Mechanism::{CramMd5, Login as LoginName, Plain, ScramSha1, ScramSha256, XOAuth2};
    let rejected = |mechanism, left: &[Mechanism]| other(mechanism, Meaning::LoginRejected, left);
    assert_eq!(rejected(ScramSha256, &[ScramSha1, Plain, CramMd5]), Some(Plain));
    assert_eq!(rejected(ScramSha256, &[ScramSha1]), Some(ScramSha1));
    assert_eq!(rejected(Plain, &[LoginName, CramMd5]), None);
    assert_eq!(rejected(XOAuth2, &[Plain]), None);
    assert_eq!(other(Plain, Meaning::MechanismRefused, &[LoginName]), Some(LoginName));
    assert_eq!(other(ScramSha256, Meaning::OauthWanted, &[Plain]), None);
}

#[test]
fn where_none_fits_the_words_say_what_to_change() {
    let words = none_fits("isp", &offered(&["DIGEST-MD5", "PLAIN"]), &[Mechanism::Login], Cover::Tls);
    for part in ["DIGEST-MD5, PLAIN", "allows LOGIN", "add \"plain\" to auth in [account.isp]"] {
        assert!(words.contains(part), "{words}");
    }
    assert!(none_fits("isp", &offered(&["GSSAPI"]), &Mechanism::ALL, Cover::Tls).contains("postrider supports"));
    let token = none_fits("isp", &offered(&["XOAUTH2"]), &Mechanism::usual(), Cover::Tls);
    assert!(token.contains("add \"xoauth2\" to auth") && token.contains("token"), "{token}");
    assert!(none_fits("isp", &[], &Mechanism::ALL, Cover::Clear).contains("starttls"));
}

#[test]
fn secrets_go_in_the_clear_only_to_roots_own_ports_here() {
    for (address, may) in [
        ("127.0.0.1:25", true),
        ("127.9.9.9:587", true),
        ("[::1]:1023", true),
        ("127.0.0.1:1024", false),
        ("192.0.2.1:25", false),
        ("[::ffff:192.0.2.1]:25", false),
    ] {
        let peer: Result<SocketAddr, _> = address.parse();
        assert_eq!(peer.map(|peer| may_carry_secret(Cover::Clear, &peer)), Ok(may), "{address}");
    }
}
