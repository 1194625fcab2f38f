//! `sendmail -bs`: SMTP on stdin and stdout, as mail readers and PHP's mailers speak it.

use support::provider::Provider;
use support::wait::wait_for;
use support::world::World;

/// The codes of the replies, the greeting's first.
fn codes(stdout: &str) -> Vec<&str> {
    stdout.lines().filter(|line| line.as_bytes().get(3) != Some(&b'-')).map(|line| &line[..3]).collect()
}

const MESSAGE: &str = "From: Alice <alice@home.lan>\r\nSubject: x\r\n\r\n..stuffed\r\nbody\r\n.\r\n";

#[test]
fn swiftmailer_says_helo_and_the_mail_is_stored_before_250() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let input =
        format!("HELO [127.0.0.1]\r\nMAIL FROM:<alice@home.lan>\r\nRCPT TO:<bob@away.example>\r\nDATA\r\n{MESSAGE}");
    // It keeps the connection; here it ends without QUIT.
    let ran = world.sendmail(&["-bs"], input).code(0);
    assert_eq!(codes(&ran.stdout), ["220", "250", "250", "250", "354", "250"], "{}", ran.stdout);
    assert_eq!(ran.stderr, "");
    let id = world.queued().pop().unwrap();
    assert!(ran.stdout.contains(&id), "the reply names the message: {}", ran.stdout);
    world.run_once();
    let mail = isp.mail();
    assert_eq!((mail.from.as_str(), mail.to.as_slice()), ("me@isp.example", &["bob@away.example".to_owned()][..]));
    assert_eq!(mail.body(), b".stuffed\r\nbody\r\n");
    assert!(mail.header().contains("Message-Id:") && mail.header().contains("Date:"), "completed as ever");
}

#[test]
fn nmh_asks_for_each_recipient_first_and_says_all_again_after_rset() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let envelope = "MAIL FROM:<alice@home.lan>\r\nRCPT TO:<bob@away.example>\r\n";
    let input = format!("EHLO homebox\r\n{envelope}RSET\r\n{envelope}DATA\r\n{MESSAGE}QUIT\r\n");
    let ran = world.sendmail(&["-bs", "-odb", "-oem", "-om"], input).code(0);
    assert_eq!(codes(&ran.stdout), ["220", "250", "250", "250", "250", "250", "250", "354", "250", "221"]);
    assert_eq!(world.queued().len(), 1);
}

#[test]
fn ehlo_offers_what_there_is_and_neither_login_nor_tls() {
    let ran = World::at_home(&Provider::start())
        .sendmail(&["-bs", "-odb", "-oem"], "EHLO homebox\r\nHELP\r\nSTARTTLS\r\nAUTH PLAIN\r\nQUIT\r\n")
        .code(0);
    for offered in ["PIPELINING", "SIZE 50000000", "8BITMIME", "DSN", "ENHANCEDSTATUSCODES"] {
        assert!(ran.stdout.contains(offered), "{offered} in {}", ran.stdout);
    }
    assert_eq!(codes(&ran.stdout), ["220", "250", "214", "502", "502", "221"], "{}", ran.stdout);
    let offer = |line: &&str| line.starts_with("250") || line.starts_with("214");
    let offers: Vec<&str> = ran.stdout.lines().filter(offer).collect();
    assert!(!offers.iter().any(|line| line.contains("AUTH") || line.contains("STARTTLS")), "{offers:?}");
}

#[test]
fn addresses_without_a_domain_and_lines_that_end_with_lf_are_taken() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let input = "helo x\nmail from:alice\nrcpt to:<bob>\nrcpt to:<carol@away.example> notify=success,failure\ndata\n\
                 Subject: x\n\nbody\n.\nmail from:<>\nrcpt to:<postmaster>\ndata\nSubject: y\n\n.\nquit\n";
    let ran = world.sendmail(&["-bs"], input).code(0);
    assert_eq!(
        codes(&ran.stdout),
        ["220", "250", "250", "250", "250", "354", "250", "250", "250", "354", "250", "221"]
    );
    let queue = world.queue_json();
    assert_eq!(queue[0]["sender"], "alice@home.lan");
    assert_eq!(queue[0]["recipients"][0]["address"], "bob@home.lan");
    assert_eq!(queue[1]["sender"], "MAILER-DAEMON");
}

#[test]
fn a_path_with_a_blank_in_it_is_no_address_as_for_postfix() {
    let world = World::at_home(&Provider::start());
    let input = "EHLO x\r\nMAIL FROM:<alice>\r\nRCPT TO:<bob carol>\r\nRCPT TO:<bob carol@away.example>\r\n\
                 RCPT TO:< bob@away.example >\r\nRCPT TO:<\"bob carol\"@away.example>\r\nQUIT\r\n";
    let ran = world.sendmail(&["-bs"], input).code(0);
    assert_eq!(codes(&ran.stdout), ["220", "250", "250", "501", "501", "250", "250", "221"], "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("501 5.1.3 ").count(), 2, "{}", ran.stdout);
}

#[test]
fn a_client_that_goes_away_in_the_middle_leaves_nothing_behind() {
    let world = World::at_home(&Provider::start());
    let start = "HELO x\r\nMAIL FROM:<alice@home.lan>\r\nRCPT TO:<bob@away.example>\r\nDATA\r\nSubject: x\r\n\r\nhalf";
    for input in [start, &start[..60], "HELO x\r\n", ""] {
        world.sendmail(&["-bs"], input).code(0);
        assert!(world.spool("queue").is_empty(), "{input:?}");
    }
}

#[test]
fn what_cannot_be_stored_is_refused_in_the_right_class() {
    let world = World::at_home(&Provider::start()).queue_set("max_message_size", 2000);
    let envelope = "HELO x\r\nMAIL FROM:<alice@home.lan>\r\nRCPT TO:<bob@away.example>\r\nDATA\r\n";
    let large = format!("{envelope}Subject: x\r\n\r\n{}.\r\nQUIT\r\n", "some text of a line\r\n".repeat(20_000));
    let ran = world.sendmail(&["-bs"], large).code(0);
    assert_eq!(codes(&ran.stdout), ["220", "250", "250", "250", "354", "552", "221"], "{}", ran.stdout);
    let world = World::at_home(&Provider::start()).queue_set("min_free_space", i64::MAX);
    let ran = world.sendmail(&["-bs"], format!("{envelope}{MESSAGE}QUIT\r\n")).code(0);
    assert_eq!(codes(&ran.stdout), ["220", "250", "250", "250", "354", "452", "221"], "{}", ran.stdout);
    assert!(world.spool("queue").is_empty());
}

#[test]
fn without_a_config_the_client_is_told_so() {
    let world = World::new();
    std::fs::remove_file(world.path("config.toml")).unwrap();
    let ran = world.sendmail(&["-bs"], "EHLO x\r\nQUIT\r\n").code(78);
    assert!(ran.stdout.starts_with("421 4.3.5 "), "{}", ran.stdout);
}

#[test]
fn mail_goes_in_the_background_while_the_client_stays() {
    use std::io::{BufRead, BufReader, Write};
    let isp = Provider::start();
    let world = World::at_home(&isp).set("delivery", "background");
    let mut command = world.command(env!("CARGO_BIN_EXE_sendmail"), &["-bs"]);
    let piped = std::process::Stdio::piped;
    let mut child = command.stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    stdout.read_line(&mut said).unwrap();
    for part in ["HELO x\r\n", "MAIL FROM:<alice@home.lan>\r\n", "RCPT TO:<bob@away.example>\r\n", "DATA\r\n", MESSAGE]
    {
        stdin.write_all(part.as_bytes()).unwrap();
        stdout.read_line(&mut said).unwrap();
    }
    wait_for("the mail to be delivered", || isp.received() == 1);
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert_eq!(codes(&said), ["220", "250", "250", "250", "354", "250"]);
}
