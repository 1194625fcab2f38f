//! Relays whose hosts stand in DNS: MX records where the name has no brackets, SRV records where they are asked for (RFC 6186), the next
//! host where one does not answer, and what is said where DNS does not help.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::deliver::name_server::Network;
use support::name_server::Record::{A, Alias, Mx, Silence, Srv, Trouble};
use support::provider::Provider;

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Nothing listens there.
const NOBODY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
const EMPTY: &str = "Mail queue is empty\n";
const MX: u16 = 15;

#[test]
fn a_name_without_brackets_stands_for_its_exchangers_in_order() {
    Network::hosts(|network| {
        let isp = Provider::setup().named("mx2.isp.example").start();
        network.knows("isp.example", &[Mx(20, "mx2.isp.example"), Mx(10, "mx1.isp.example"), A(NOBODY)]);
        network.knows("mx1.isp.example", &[A(NOBODY)]);
        network.knows("mx2.isp.example", &[A(HERE)]);
        network.account(&isp, &format!("relay = \"isp.example:{}\"", isp.port()));
        // The first does not answer.
        assert_eq!(network.sends(), EMPTY);
        assert!(isp.mail().tls && network.was_asked("mx1.isp.example", 1));
        // The first has no address at all.
        network.knows("mx1.isp.example", &[]);
        assert_eq!(network.sends(), EMPTY);
        // The first that answers is enough.
        network.knows("mx1.isp.example", &[A(HERE)]);
        network.knows("mx2.isp.example", &[Trouble]);
        let trouble = network.sends();
        assert!(trouble.contains("not for mx1.isp.example"), "another host's certificate: {trouble}");
        assert_eq!(isp.received(), 2);
    });
}

#[test]
fn brackets_ask_for_no_exchangers_and_a_name_without_any_is_the_host() {
    Network::hosts(|network| {
        let isp = Provider::setup().named("isp.example").start();
        network.knows("isp.example", &[Mx(10, "mx1.isp.example"), A(HERE)]);
        network.account(&isp, &format!("relay = \"[isp.example]:{}\"", isp.port()));
        assert_eq!(network.sends(), EMPTY);
        assert!(!network.was_asked("isp.example", MX) && network.was_asked("isp.example", 1));
        network.knows("isp.example", &[A(HERE)]);
        network.account(&isp, &format!("relay = \"isp.example:{}\"", isp.port()));
        assert_eq!(network.sends(), EMPTY);
        assert!(network.was_asked("isp.example", MX));
        assert_eq!(isp.received(), 2);
    });
}

#[test]
fn a_forged_exchanger_does_not_choose_the_certificate() {
    Network::hosts(|network| {
        let isp = Provider::setup().named("mx.hoster.example").start();
        network.knows("isp.example", &[Alias("www.isp.example")]);
        network.knows("www.isp.example", &[Mx(10, "mx.hoster.example")]);
        network.knows("mx.hoster.example", &[A(HERE)]);
        let relay = format!("relay = \"isp.example:{}\"", isp.port());
        network.account(&isp, &relay);
        let trouble = network.sends();
        assert!(trouble.contains("tls_name = \"mx.hoster.example\""), "{trouble}");
        assert_eq!(isp.connections(), 0, "nobody is asked");
        network.account(&isp, &format!("{relay}\ntls_name = \"mx.hoster.example\""));
        assert_eq!(network.flushes(), EMPTY);
        assert_eq!(isp.received(), 1);
    });
}

#[test]
fn mail_waits_where_dns_does_not_help_and_it_is_said_why() {
    Network::hosts(|network| {
        let isp = Provider::setup().named("isp.example").start();
        network.account(&isp, &format!("relay = \"isp.example:{}\"", isp.port()));
        let nowhere = network.sends();
        assert!(
            nowhere.contains("cannot find the address of isp.example") && nowhere.contains("check `relay`"),
            "{nowhere}"
        );
        network.knows("isp.example", &[Mx(0, "")]);
        let null = network.flushes();
        assert!(null.contains("does not accept mail (null MX)") && null.contains("[smtp.isp.example]:587"), "{null}");
        // Its address is known, but whether that is the host to ask is not.
        network.knows("isp.example", &[Trouble, A(HERE)]);
        let failed = network.flushes();
        assert!(failed.contains("cannot look up the MX records of isp.example"), "{failed}");
        assert_eq!(isp.connections(), 0);
        network.knows("isp.example", &[Silence]);
        let began = Instant::now();
        let silent = network.flushes();
        assert!(silent.contains("cannot look up the MX records of isp.example"), "{silent}");
        assert!(silent.contains("check this machine's DNS"), "{silent}");
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        network.knows("isp.example", &[A(HERE)]);
        assert_eq!(network.flushes(), EMPTY);
        assert_eq!(isp.received(), 1);
    });
}

#[test]
fn services_are_found_by_the_domain_tls_first() {
    Network::hosts(|network| {
        let secure = Provider::setup().named("smtp.isp.example").implicit_tls().start_closed();
        let plain = Provider::setup().named("smtp.isp.example").start();
        network.knows("smtp.isp.example", &[A(HERE)]);
        let (first, second) =
            (Srv(1, 0, secure.port(), "smtp.isp.example"), Srv(0, 0, plain.port(), "smtp.isp.example"));
        // No such record anywhere.
        network.account(&plain, "relay = \"srv:isp.example\"");
        let nothing = network.sends();
        assert!(nothing.contains("no _submissions._tcp or _submission._tcp record for isp.example"), "{nothing}");
        network.knows("_submission._tcp.isp.example", &[second]);
        assert_eq!(network.flushes(), EMPTY);
        assert!(plain.mail().tls && network.was_asked("_submissions._tcp.isp.example", 33));
        // TLS from the first byte comes first, and the other where nothing answers.
        network.knows("_submissions._tcp.isp.example", std::slice::from_ref(&first));
        assert_eq!(network.sends(), EMPTY);
        assert_eq!(plain.received(), 2);
        secure.open();
        network.account(&secure, "relay = \"srv:isp.example\"");
        assert_eq!(network.sends(), EMPTY);
        assert_eq!((secure.received(), plain.received()), (1, 2));
        // "." says that there is none; of two, the lower priority.
        network.account(&plain, "relay = \"srv:isp.example\"");
        network.knows("_submissions._tcp.isp.example", &[Srv(0, 0, 0, "")]);
        assert_eq!(network.sends(), EMPTY);
        assert_eq!((secure.received(), plain.received()), (1, 3));
        let tested = network.postrider(&["test", "isp"], "");
        assert_eq!(tested.code, Some(0), "{tested:?}");
        network.knows("_submission._tcp.isp.example", &[Trouble]);
        let failed = network.sends();
        assert!(failed.contains("cannot look up the SRV records of _submission._tcp.isp.example"), "{failed}");
    });
}
