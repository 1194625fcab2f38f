//! Unit tests of `rules::listener_certificate`.

use jiff::civil::date;

use super::*;

#[test]
fn a_certificate_is_announced_thirty_days_before_it_is_renewed_and_renewed_thirty_days_before_its_end() {
    let until = date(2029, 3, 31);
    for (today, expected) in [
        (date(2029, 1, 29), Renewal::Later),
        (date(2029, 1, 30), Renewal::Announced(date(2029, 3, 1))),
        (date(2029, 2, 28), Renewal::Announced(date(2029, 3, 1))),
        (date(2029, 3, 1), Renewal::Due),
        (date(2030, 1, 1), Renewal::Due),
    ] {
        assert_eq!(renewal(until, today), expected, "{today}");
    }
}

#[test]
fn a_ca_lasts_ten_years_and_a_certificate_825_days_but_no_longer_than_its_ca() {
    let today = date(2026, 11, 29);
    let ca = days_of_ca(today);
    assert_eq!((ca.from, ca.until), (date(2026, 11, 28), date(2036, 11, 28)));
    let days = days_of_certificate(today, ca.until);
    assert_eq!(days.from.until(days.until).unwrap().get_days(), 825);
    assert_eq!(days_of_certificate(date(2036, 1, 1), ca.until).until, ca.until);
    assert!(!is_plausible(date(1970, 1, 1)) && is_plausible(today));
}

#[test]
fn a_listener_has_the_names_of_the_machine_and_the_addresses_on_which_it_listens() {
    let own: Vec<IpAddr> =
        ["127.0.0.1", "::1", "192.168.1.2", "fe80::1", "fd00::2"].map(|text| text.parse().unwrap()).to_vec();
    let names = |addresses: &[&str]| {
        let sockets: Vec<SocketAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        names("Homebox.home.lan", &sockets, &own).join(" ")
    };
    let hosts = "homebox.home.lan homebox.local";
    assert_eq!(names(&["192.168.1.2:587", "192.168.1.2:465"]), format!("{hosts} 192.168.1.2"));
    assert_eq!(names(&["[::ffff:192.168.1.9]:587"]), format!("{hosts} 192.168.1.9"));
    assert_eq!(names(&["0.0.0.0:587"]), format!("{hosts} localhost 127.0.0.1 192.168.1.2"));
    assert_eq!(names(&["[::]:587"]), format!("{hosts} localhost ::1 fd00::2"));
    assert_eq!(super::names("box", &[], &own), ["box.local"]);
    assert_eq!(super::names("box.local", &[], &own), ["box.local"]);
}

#[test]
fn the_ca_may_vouch_for_private_networks_and_for_public_addresses_of_listeners_only() {
    let sockets: Vec<SocketAddr> =
        ["192.168.1.2:587", "0.0.0.0:25", "203.0.113.5:465"].map(|s| s.parse().unwrap()).to_vec();
    let networks = networks(&sockets);
    assert_eq!(networks.last(), Some(&("203.0.113.5".parse().unwrap(), 32)));
    let has = |text: &str| {
        let address: IpAddr = text.parse().unwrap();
        networks
            .iter()
            .any(|(network, length)| crate::config::network::Prefix::around(*network, *length).contains(address))
    };
    assert!(
        ["10.1.2.3", "172.31.0.1", "192.168.0.1", "127.0.0.1", "::1", "fd00::2", "203.0.113.5"]
            .iter()
            .all(|text| has(text))
    );
    assert!(!["8.8.8.8", "2001:db8::1", "203.0.113.6"].iter().any(|text| has(text)));
}

#[test]
fn no_certificate_and_no_ca_has_a_name_that_may_be_a_top_level_domain() {
    for (hostname, expected) in [
        ("dev.example.org", &["dev.example.org", "dev.local", "localhost"][..]),
        ("DEV", &["dev.local", "localhost"]),
        ("box.local", &["box.local", "localhost"]),
    ] {
        assert_eq!(hosts(hostname), expected);
    }
}
