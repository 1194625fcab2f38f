//! Mail that arrives: rewritten envelope and header, the right login, one connection
//! for many, and each way of making the session.

use serde_json::json;

use support::provider::{Provider, Verb};
use support::world::World;

#[test]
fn mail_arrives_with_rewritten_envelope_and_header() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example", "carol"]).code(0).silent();
    assert_eq!(isp.connections(), 0, "delivery = \"queue\" only stores");
    world.run_once();
    let mail = isp.mail();
    assert_eq!((mail.from.as_str(), mail.username()), ("me@isp.example", "hisaccount"));
    assert_eq!(mail.to, ["bob@away.example", "me+home@isp.example"]);
    assert_eq!(mail.field("From"), "Alice <me@isp.example>");
    assert_eq!(mail.field("To"), "bob@away.example, me+home@isp.example");
    assert_eq!(mail.body(), b"The text.\r\n");
    assert!(mail.tls);
    assert_eq!(mail.ehlo, "homebox.home.lan");
    assert!(world.queued().is_empty());
}

#[test]
fn what_has_arrived_is_in_the_history() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    let id = world.queued().remove(0);
    world.run_once();
    let history = world.history();
    assert_eq!(history.len(), 1);
    let (record, bob) = (&history[0], &history[0]["recipients"][0]);
    assert_eq!((&record["id"], &record["sender"]), (&json!(id), &json!("alice@home.lan")));
    assert_eq!((&bob["status"], &bob["account"]), (&json!("delivered"), &json!("isp")));
    assert_eq!(bob["relay"], json!(format!("127.0.0.1[127.0.0.1]:{}", isp.port())));
    assert!(world.spool("queue").is_empty(), "nothing stays behind in queue/");
}

#[test]
fn a_field_without_a_change_keeps_every_byte() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let fields =
        "Subject:  two  blanks,\n\tfolded \nX-Odd:no blank\nCc: \"X, Y\" <x@y.example>  (why) ,\n  z@y.example\n";
    let input = format!("From: Alice (at home)  <alice@home.lan>\nTo: bob@away.example\n{fields}\nbody\n");
    world.sendmail(&["-i", "bob@away.example"], input).code(0).silent();
    world.run_once();
    let header = isp.mail().header();
    assert!(header.contains(&fields.replace('\n', "\r\n")), "{header}");
    assert!(header.contains("From: Alice (at home)  <me@isp.example>\r\n"), "only the address is replaced: {header}");
}

#[test]
fn two_messages_share_one_connection_and_one_login() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("max_connections", json!(1))]);
    for recipient in ["bob@away.example", "carol@away.example", "dave@away.example"] {
        world.send_to(&[recipient]).code(0);
    }
    world.run_once();
    assert_eq!((isp.received(), isp.connections(), isp.logins().len()), (3, 1, 1));
    assert_eq!(isp.count(Verb::Quit), 1, "and it takes its leave");
}

#[test]
fn a_connection_serves_no_more_messages_than_the_account_says() {
    let isp = Provider::start();
    let keys = [("max_connections", json!(1)), ("max_messages_per_connection", json!(2))];
    let world = World::at_home(&isp).account_keys("isp", &keys);
    for _ in 0..5 {
        world.send_to(&["bob@away.example"]).code(0);
    }
    world.run_once();
    assert_eq!((isp.received(), isp.connections()), (5, 3));
}

#[test]
fn recipients_of_one_message_share_one_transaction() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example", "carol@other.example", "dave@third.example"]).code(0);
    world.run_once();
    assert_eq!((isp.count(Verb::Mail), isp.count(Verb::Rcpt), isp.mail().to.len()), (1, 3, 3));
}

#[test]
fn the_size_is_declared_as_it_is() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    let mail = isp.mail();
    assert_eq!(mail.parameter("SIZE"), Some(mail.content.len().to_string().as_str()));
}

#[test]
fn nothing_is_declared_that_was_not_offered() {
    let isp = Provider::setup().without("SIZE").without("8BITMIME").without("PIPELINING").start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!(isp.mail().parameters, Vec::<String>::new());
}

#[test]
fn eight_bit_content_is_declared_and_arrives_as_it_was() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let input = "Subject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGrüße\n";
    world.sendmail(&["-i", "-f", "alice", "bob@away.example"], input).code(0).silent();
    world.run_once();
    let mail = isp.mail();
    assert_eq!(mail.parameter("BODY"), Some("8BITMIME"));
    assert_eq!(mail.body(), "Grüße\r\n".as_bytes());
}

#[test]
fn seven_bit_content_is_not_declared_as_eight_bit() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_ne!(isp.mail().parameter("BODY"), Some("8BITMIME"));
}

#[test]
fn implicit_tls_needs_no_starttls() {
    let isp = Provider::setup().implicit_tls().start();
    let world = World::at_home(&isp).account_keys("isp", &[("tls", json!("implicit"))]);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert!(isp.mail().tls);
    assert_eq!(isp.count(Verb::StartTls), 0);
    assert_eq!(isp.heard_in_clear(), "");
}

#[test]
fn the_certificate_may_be_for_the_name_that_the_account_gives() {
    let isp = Provider::setup().named("mail.isp.example").start();
    let world = World::at_home(&isp).account_keys("isp", &[("tls_name", json!("mail.isp.example"))]);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!(isp.received(), 1);
}

#[test]
fn a_provider_that_knows_only_login_gets_login() {
    let isp = Provider::setup().without("AUTH").offers("AUTH LOGIN").start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!(isp.mail().login.unwrap().mechanism, "LOGIN");
}

#[test]
fn the_account_says_which_mechanisms_are_allowed() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("auth", json!(["login"]))]);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!(isp.mail().login.unwrap().mechanism, "LOGIN");
}

#[test]
fn the_password_may_be_in_a_file_or_come_from_a_command() {
    for source in [json!({"file": "isp.password"}), json!({"command": ["echo", "correct horse"]})] {
        let isp = Provider::start();
        let world = World::at_home(&isp).account_keys("isp", &[("password", source.clone())]);
        world.file("isp.password", "correct horse\n", 0o600);
        world.send_to(&["bob@away.example"]).code(0);
        world.run_once();
        assert_eq!(isp.received(), 1, "{source}");
    }
}

#[test]
fn the_generic_map_may_be_a_postfix_table() {
    let isp = Provider::start();
    let world = World::new().account("isp", &isp).set("generic", json!(["hash:generic"]));
    world.file(
        "generic",
        "# local          real\nalice@home.lan   me@isp.example\n@home.lan\n    me+home@isp.example\n",
        0o644,
    );
    world.send_to(&["bob@home.lan"]).code(0);
    world.run_once();
    let mail = isp.mail();
    assert_eq!((mail.from.as_str(), mail.to.as_slice()), ("me@isp.example", &["me+home@isp.example".to_owned()][..]));
}

#[test]
fn a_mended_config_serves_mail_that_waits_already() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    let world = world.generic(&[("alice@home.lan", "alice@new.example")]);
    world.run_once();
    assert_eq!(isp.mail().from, "alice@new.example");
}

#[test]
fn a_provider_without_tls_gets_the_login_where_the_account_allows_it() {
    let isp = Provider::setup().plaintext().start();
    let keys = [("tls", json!("none")), ("tls_ca", json!(null)), ("allow_plaintext", json!(true))];
    let world = World::at_home(&isp).account_keys("isp", &keys);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert!(!isp.mail().tls);
    assert_eq!(isp.logins().len(), 1);
}

#[test]
fn awkward_providers_get_the_mail_as_well() {
    let trickling = Provider::setup().trickling().start();
    let slow = Provider::setup().reading_slowly(std::time::Duration::from_millis(1)).start();
    for isp in [trickling, slow] {
        let world = World::at_home(&isp);
        world.send_to(&["bob@away.example"]).code(0);
        world.run_once();
        assert_eq!(isp.received(), 1);
    }
}
