//! TLS: what is trusted, what is told of a certificate that is not, and which key of the
//! config would change that.

use serde_json::{Value, json};

use support::provider::{Certificate, Provider, Setup};
use support::world::World;

#[track_caller]
fn attempt(world: &World) -> String {
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once().stderr
}

/// The fingerprint that `postrider test` shows of a certificate that it refuses.
fn shown_fingerprint(world: &World) -> String {
    let said = world.postrider(&["test"]).code(75).stdout;
    let (_, rest) = said.split_once("SHA-256 fingerprint of the certificate: ").expect("the fingerprint");
    rest.lines().next().unwrap().to_owned()
}

fn names() -> Vec<String> {
    vec!["127.0.0.1".to_owned()]
}

#[test]
fn a_bad_certificate_is_told_with_its_reason_and_works_once_it_is_pinned() {
    let bad: [(Setup, &[&str]); 3] = [
        (Provider::setup().certificate(Certificate::Expired(names())), &["expired on 2021-01-01"]),
        (Provider::setup().certificate(Certificate::SelfSigned(names())), &["self-signed", "127.0.0.1"]),
        (Provider::setup().named("mail.other.example"), &["not for 127.0.0.1", "mail.other.example", "tls_name"]),
    ];
    for (setup, words) in bad {
        let isp = setup.start();
        let world = World::at_home(&isp);
        let said = attempt(&world);
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert_eq!((isp.logins().len(), world.queued().len()), (0, 1));
        let pin = shown_fingerprint(&world);
        let world = world.account_keys("isp", &[("tls_fingerprint", json!(pin)), ("tls_ca", Value::Null)]);
        world.flush().code(0);
        assert_eq!((isp.received(), world.queued().len()), (1, 0), "right by fingerprint");
    }
}

#[test]
fn another_certificate_than_the_pinned_one_is_refused_however_good_it_is() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("tls_fingerprint", json!("00".repeat(32)))]);
    let said = attempt(&world);
    assert!(said.contains("does not match tls_fingerprint"), "{said}");
    assert_eq!((isp.logins().len(), world.queued().len()), (0, 1));
}

#[test]
fn a_name_may_be_set_and_the_oldest_version() {
    let isp = Provider::setup().named("mail.other.example").start();
    let keys = [("tls_name", json!("mail.other.example")), ("tls_min", json!("1.3"))];
    attempt(&World::at_home(&isp).account_keys("isp", &keys));
    assert!(isp.mail().tls);
}

#[test]
fn the_first_of_several_relays_that_answers_takes_the_mail() {
    let (closed, isp) = (Provider::setup().start_closed(), Provider::start());
    let relays = json!([closed.relay(), isp.relay()]);
    let world = World::at_home(&isp).account_keys("isp", &[("relay", relays), ("source_address", json!("127.0.0.9"))]);
    attempt(&world);
    assert_eq!(isp.received(), 1);
}
