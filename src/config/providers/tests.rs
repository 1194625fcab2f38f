//! The table of providers: every value can be used, and nothing in it is prose that a program would have to guess at.

use std::collections::BTreeSet;

use super::*;

#[test]
fn the_table_is_read_as_a_whole() {
    let table = read(include_str!("table.toml")).unwrap();
    assert!(table.len() >= 70, "{}", table.len());
    let ids: BTreeSet<&str> = table.iter().map(|provider| provider.id.as_str()).collect();
    assert_eq!(ids.len(), table.len(), "an id is there twice");
}

#[test]
fn no_value_is_prose() {
    let is_host = |text: &str| {
        text.contains('.')
            && text
                .bytes()
                .all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || b".-{}".contains(&octet))
    };
    for provider in TABLE.iter() {
        let id = &provider.id;
        assert!(id.bytes().all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-'), "{id}");
        assert!(!provider.servers.is_empty(), "{id} has no server");
        for server in &provider.servers {
            assert!(is_host(&server.host) && server.port > 0, "{id}: {server:?}");
        }
        for domain in provider.domains.iter().chain(&provider.mx) {
            assert!(is_host(domain.trim_start_matches("*.")), "{id}: {domain}");
        }
        assert_eq!(provider.login == Login::Fixed, provider.login_name.is_some(), "{id}");
        assert_eq!(provider.limits.messages.is_some(), provider.limits.per.is_some(), "{id}");
        assert!(provider.credential_url.as_ref().is_none_or(|url| url.starts_with("https://")), "{id}");
        assert!(provider.note.as_ref().is_none_or(|note| note.ends_with('.') && note.len() < 200), "{id}");
        assert!(provider.password != PasswordKind::Oauth || provider.password_ends.is_some(), "{id}: since when?");
        assert!(!provider.source.is_empty(), "{id}");
    }
}

#[test]
fn what_is_guessed_is_a_value_that_is_there() {
    let known =
        ["servers", "mx", "login", "password", "foreign_sender", "messages", "recipients", "connections", "size"];
    for provider in TABLE.iter() {
        let Provider { limits, .. } = provider;
        for guess in &provider.guessed {
            let is_there = match guess.as_str() {
                "messages" => limits.messages.is_some(),
                "recipients" => limits.recipients.is_some(),
                "connections" => limits.connections.is_some(),
                "size" => limits.size.is_some(),
                "foreign_sender" => provider.foreign_sender.is_some(),
                "mx" => !provider.mx.is_empty(),
                other => known.contains(&other),
            };
            assert!(is_there, "{}: {guess}", provider.id);
        }
    }
}

#[test]
fn no_domain_has_two_providers() {
    let mut seen = BTreeSet::new();
    for provider in TABLE.iter() {
        for domain in &provider.domains {
            assert!(seen.insert(domain), "{domain} is also {}'s", provider.id);
        }
    }
}

#[test]
fn a_provider_is_found_by_domain_and_mx_and_server() {
    let of = |domain| Provider::of_domain(domain).map(|provider| provider.id.as_str());
    assert_eq!((of("gmail.com"), of("GoogleMail.com")), (Some("gmail"), Some("gmail")));
    assert_eq!((of("abc.rr.com"), of("rr.com"), of("home.example")), (Some("spectrum"), None, None));
    let by_mx = |host| Provider::of_mail_exchanger(host).map(|provider| provider.id.as_str());
    assert_eq!(by_mx("example-com.mail.protection.outlook.com"), Some("m365"));
    assert_eq!(by_mx("evilmail.protection.outlook.com.example"), None);
    assert_eq!(by_mx("alt1.aspmx.l.google.com"), Some("google-workspace"));
    assert_eq!(Provider::of_server("SMTP.web.de").map(|provider| provider.id.as_str()), Some("webde"));
}

#[test]
fn the_user_name_has_the_providers_form() {
    let name = |domain| Provider::of_domain(domain).unwrap().username(&format!("me@{domain}"));
    assert_eq!(name("gmail.com").as_deref(), Some("me@gmail.com"));
    assert_eq!(name("web.de").as_deref(), Some("me"));
    assert_eq!(name("docomo.ne.jp"), None);
}

#[test]
fn a_password_is_taken_until_it_ends() {
    let microsoft = Provider::of_mail_exchanger("x.mail.protection.outlook.com").unwrap();
    let day = |text: &str| text.parse::<Date>().unwrap();
    assert!(microsoft.takes_password(day("2026-12-30")) && !microsoft.takes_password(day("2026-12-31")));
    assert!(!Provider::of_domain("outlook.com").unwrap().takes_password(day("2026-12-30")));
    assert!(Provider::of_domain("gmail.com").unwrap().takes_password(day("2030-01-01")));
}
