//! Unit tests of `config::keys`.

use super::*;

#[test]
fn the_nearest_key_is_found_and_far_ones_are_not() {
    let near = |typed| nearest(typed, ACCOUNT_KEYS.iter().map(|key| key.name));
    for (typed, name) in [
        ("pasword", Some("password")),
        ("passwrod", Some("password")),
        ("Relay", Some("relay")),
        ("relays", Some("relay")),
        ("tls-ca", Some("tls_ca")),
        ("sender", Some("senders")),
        ("user", Some("users")),
        ("colour", None),
        ("", None),
    ] {
        assert_eq!(near(typed), name, "{typed}");
    }
}

#[test]
fn every_key_stands_in_the_man_page() {
    let page = include_str!("../../../man/postrider.toml.5");
    for key in TOP_KEYS
        .iter()
        .chain(ACCOUNT_KEYS)
        .chain(TIMEOUT_KEYS)
        .chain(QUEUE_KEYS)
        .chain(LISTEN_KEYS)
        .chain(CLIENT_KEYS)
        .chain(LIMIT_KEYS)
        .chain(ALARM_KEYS)
        .chain(FORMAT_KEYS)
        .chain(HEARTBEAT_KEYS)
        .chain(METRICS_KEYS)
        .chain(FLOOD_KEYS)
        .chain(PASSWORD_KEYS)
    {
        let named = page.lines().any(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            words.starts_with(&[".It", "Cm", key.name])
                || line == format!(".Ss [{}]\\&", key.name)
                || line == format!(".Ss [{}.NAME]\\&", key.name)
        });
        assert!(named, "{} is missing in postrider.toml.5", key.name);
    }
}
