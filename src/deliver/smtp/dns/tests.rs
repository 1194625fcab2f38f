//! Unit tests of `deliver::smtp::dns`.
#![allow(clippy::unwrap_used)]
use super::*;

fn record((priority, weight): (u16, u16), host: &str, port: u16) -> Record {
    Ranked { priority, weight, server: (host.to_owned(), port) }
}

fn relay(text: &str) -> Relay {
    Relay::parse(text, |_| None).unwrap()
}

fn shown(hosts: Result<Vec<Vec<Relay>>, NoHosts>) -> Vec<String> {
    hosts.unwrap().concat().iter().map(ToString::to_string).collect()
}

#[test]
fn exchangers_come_by_preference_with_the_written_port() {
    let written = relay("isp.example:587");
    let records = vec![record((20, 0), "b.isp.example", 0), record((10, 0), "a.isp.example", 0)];
    assert_eq!(shown(mail_exchangers(&written, records)), ["[a.isp.example]:587", "[b.isp.example]:587"]);
    assert_eq!(shown(mail_exchangers(&written, Vec::new())), ["isp.example:587"]);
    assert!(mail_exchangers(&written, vec![record((0, 0), "", 0)]).unwrap_err().to_string().contains("null MX"));
}

#[test]
fn services_with_tls_from_the_first_byte_come_first() {
    let written = relay("srv:isp.example");
    let plain = vec![record((0, 0), "s.isp.example", 587)];
    let secure = vec![record((1, 0), "t.isp.example", 4650), record((1, 2), "u.isp.example", 465)];
    let hosts = services(&written, secure, plain.clone()).unwrap();
    assert_eq!(hosts[0][0].lookup, Lookup::Submissions);
    assert_eq!(shown(Ok(hosts)), ["[u.isp.example]:465", "[t.isp.example]:4650", "[s.isp.example]:587"]);
    assert_eq!(shown(services(&written, vec![record((0, 0), "", 0)], plain)), ["[s.isp.example]:587"]);
    assert!(services(&written, Vec::new(), Vec::new()).unwrap_err().to_string().contains("_submissions._tcp"));
}

#[test]
fn rows_without_a_port_are_stepped_over_and_only_roots_mean_that_there_is_none() {
    let written = relay("srv:isp.example");
    let (root, portless) = (record((0, 0), "", 0), record((0, 0), "s.isp.example", 0));
    let usable = record((9, 0), "t.isp.example", 587);
    let unknown = |secure, plain| matches!(services(&written, secure, plain), Err(NoHosts::Unknown(_)));
    let denied = |secure, plain| matches!(services(&written, secure, plain), Err(NoHosts::Denied(_)));
    assert_eq!(shown(services(&written, vec![root.clone()], vec![portless.clone(), usable])), ["[t.isp.example]:587"]);
    assert!(denied(vec![root.clone()], vec![record((0, 0), "", 587)]));
    assert!(unknown(vec![root], vec![portless]));
    assert!(unknown(Vec::new(), Vec::new()));
}

#[test]
fn a_name_is_within_itself_and_its_parents() {
    for (written, host, within) in [
        ("isp.example", "isp.example", true),
        ("isp.example", "MX.ISP.example.", true),
        ("isp.example", "xisp.example", false),
        ("isp.example", "mx.other.example", false),
        ("smtp.isp.example", "isp.example", false),
    ] {
        assert_eq!(is_within(written, host), within, "{written} {host}");
    }
}
