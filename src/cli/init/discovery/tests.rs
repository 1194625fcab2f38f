//! What is known without a network, and which servers may be used without a question.

use super::*;

fn found(domain: &str) -> (String, Option<&'static str>, Source) {
    let Found { relay, tls, source, .. } = at_domain(domain);
    (relay, tls, source)
}

fn at_domain(domain: &str) -> Found {
    find(&Address::new("me", domain).unwrap(), Network::Unused, CentralDatabase::NotAsked)
}

#[test]
fn the_table_knows_servers_that_do_not_follow_from_the_address() {
    assert_eq!(found("gmail.com"), ("[smtp.gmail.com]:465".to_owned(), None, Source::Known));
    assert_eq!(found("hotmail.com"), ("[smtp-mail.outlook.com]:587".to_owned(), None, Source::Known));
    assert_eq!(found("rediffmail.com").0, "[smtp.rediffmail.com]:465");
    assert_eq!(found("spectrum.net").1, Some("implicit"), "587 with TLS from the first byte");
    assert_eq!(found("isp.example"), ("[smtp.isp.example]:587".to_owned(), None, Source::Guess));
}

#[test]
fn only_the_table_names_servers_outside_the_domain_without_a_question() {
    let at = |relay: &str, source| Found { relay: relay.to_owned(), ..guess("isp.example", source) };
    assert!(at_domain("gmail.com").is_safe_for("gmail.com"));
    assert!(at("[mail.isp.example]:465", Source::Network).is_safe_for("isp.example"));
    assert!(!at("[mail.isp.example.evil.example]:465", Source::Network).is_safe_for("isp.example"));
    assert!(at("[smtp.xn--bcher-kva.example]:465", Source::Network).is_safe_for("b\u{fc}cher.example"));
    assert!(!at("[evilisp.example]:465", Source::Network).is_safe_for("isp.example"));
    assert!(!at("[smtp.isp.example]:587", Source::Guess).is_safe_for("isp.example"));
}

#[test]
fn a_server_is_read_as_people_write_it() {
    let relay = |answer: &str| written(answer).unwrap().relay;
    assert_eq!(relay("smtp.isp.example"), "[smtp.isp.example]:587");
    assert_eq!(relay("smtp.isp.example:465"), "[smtp.isp.example]:465");
    assert_eq!(relay("[smtp.isp.example]:465"), "[smtp.isp.example]:465");
    assert_eq!(relay("2001:db8::1"), "[2001:db8::1]:587");
    assert!(written("smtp isp").is_err());
    let webde = written("smtp.web.de:465").unwrap();
    assert_eq!(webde.provider.map(|provider| provider.id.as_str()), Some("webde"));
}
