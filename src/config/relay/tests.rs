//! Unit tests of `config::relay`.

use super::*;
use crate::sys::host::service_port;
use proptest::prelude::*;

fn shown(text: &str) -> Result<String, RelayError> {
    Relay::parse(text, |name| service_port("urd 465/tcp ssmtp # old\nodd 99/udp\nours 2525/tcp mine\n", name))
        .map(|relay| relay.to_string())
}

#[test]
fn relays_are_written_as_relayhost_is() {
    for (text, relay) in [
        ("[mail.example.com]:submission", "[mail.example.com]:587"),
        ("[mail.example.net]", "[mail.example.net]:587"),
        ("mail.example.net", "mail.example.net:587"),
        ("mail.example.net:smtps", "mail.example.net:465"),
        ("mail.example.net:SUBMISSIONS", "mail.example.net:465"),
        ("[foo.bar.com]:587", "[foo.bar.com]:587"),
        ("localhost:smtp", "localhost:25"),
        ("[2001:db8::1]:587", "[2001:db8::1]:587"),
        ("[IPv6:::1]:2525", "[::1]:2525"),
        ("[127.0.0.1]:10587", "[127.0.0.1]:10587"),
        ("192.0.2.1:25", "[192.0.2.1]:25"),
        ("[a.example]:mine", "[a.example]:2525"),
        ("[a.example]:ssmtp", "[a.example]:465"),
        ("srv:isp.example", "srv:isp.example"),
    ] {
        assert_eq!(shown(text), Ok(relay.to_owned()), "{text}");
    }
}

#[test]
fn what_is_no_relay_says_why() {
    for (text, error) in [
        ("", RelayError::NoHost),
        (":587", RelayError::NoHost),
        ("[]:587", RelayError::NoHost),
        ("[mail.example.com", RelayError::Brackets),
        ("[mail.example.com]587", RelayError::Brackets),
        ("2001:db8::1", RelayError::BareIpv6),
        ("::1:587", RelayError::BareIpv6),
        ("mail example.com", RelayError::BadHost),
        ("a..example", RelayError::BadHost),
        ("-a.example", RelayError::BadHost),
        ("me@mail.example.com:587", RelayError::BadHost),
        ("a.example:", RelayError::BadPort),
        ("a.example:0", RelayError::BadPort),
        ("a.example:65536", RelayError::BadPort),
        ("a.example:odd", RelayError::UnknownService),
        ("smtps://a.example", RelayError::Url),
        ("srv:a.example:587", RelayError::BadSrv),
        ("srv:", RelayError::BadSrv),
    ] {
        assert_eq!(shown(text), Err(error), "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_shown_reads_the_same(text in "\\PC*|\\[?[a-z.0-9:]{0,12}\\]?(:[a-z0-9]{0,6})?") {
        if let Ok(relay) = Relay::parse(&text, |_| None) {
            prop_assert_eq!(Relay::parse(&relay.to_string(), |_| None), Ok(relay));
        }
    }
}
