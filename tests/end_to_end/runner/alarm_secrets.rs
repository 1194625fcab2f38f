//! Many people see alarms, the message of the day and metrics. Nothing from a message, and nothing that its provider says about it, is
//! in any of them.

use std::fs;
use std::net::Ipv4Addr;

use serde_json::json;
use support::provider::{Provider, Rule, Verb, on};
use support::wait::wait_for;
use support::web::{self, WebServer};
use support::world::World;

/// Every field that people see or programs read, with a mark in each.
const MAIL: &str = "From: Canary-From <canary-from@away.example>\nSender: canary-sender@away.example\n\
    Reply-To: canary-reply@away.example\nTo: Canary-To <canary-to@away.example>\nCc: canary-cc@away.example\n\
    Bcc: canary-bcc@away.example\nSubject: CANARY-SUBJECT\nMessage-ID: <canary-id@away.example>\nIn-Reply-To: <canary-of@away.example>\n\
    References: <canary-ref@away.example>\nReturn-Path: <canary-path@away.example>\nList-Id: CANARY-LIST\nComments: CANARY-COMMENT\n\
    Keywords: CANARY-KEYWORD\nDate: Mon, 30 Nov 2026 10:00:00 +0000 (CANARY-DATE)\nReceived: from canary-host by canary-host; Mon, 30 Nov \
    2026 10:00:00 +0000\nX-Other: CANARY-FIELD\nMIME-Version: 1.0\nContent-Type: text/plain; name=\"CANARY-NAME\"\n\
    Content-Disposition: attachment; filename=\"CANARY-FILE\"\nContent-Description: CANARY-DESCRIPTION\n\nCANARY-BODY\n";

/// A kind of trouble, what the provider does, and who sends.
fn troubles() -> [(&'static str, Option<Rule>, &'static str); 5] {
    [
        (
            "account",
            Some(on(Verb::Auth).reply("535 5.7.8 CANARY-REPLY canary-login@isp.example")),
            "canary-alice@home.lan",
        ),
        (
            "late",
            Some(on(Verb::Rcpt).reply("450 4.2.0 CANARY-REPLY <canary-rcpt@away.example>")),
            "canary-alice@home.lan",
        ),
        ("rejected", Some(on(Verb::Mail).reply("553 5.7.1 CANARY-REPLY not owned by user")), "canary-alice@home.lan"),
        (
            "failed",
            Some(on(Verb::Rcpt).reply("550 5.1.1 CANARY-REPLY <canary-rcpt@away.example>")),
            "canary-alice@home.lan",
        ),
        ("unserved", None, "canary@nowhere.example"),
    ]
}

#[test]
fn nothing_of_a_mail_or_of_what_is_said_about_it_is_in_an_alarm_a_motd_or_a_metric() {
    for (kind, rule, sender) in troubles() {
        for format in ["json", "ntfy"] {
            let isp = Provider::start();
            if let Some(rule) = &rule {
                isp.add(rule.clone());
            }
            let server = WebServer::start((Ipv4Addr::LOCALHOST, 0), &["localhost"], Box::new(|_| web::page(b"ok")));
            let world = World::at_home(&isp)
                .account("other", &isp)
                .account_keys("other", &[("senders", json!(["@work.example"]))])
                .account_keys("isp", &[("senders", json!(["@home.lan"]))])
                .queue_set("warn_after", "0s");
            world.file("roots.pem", &server.authority, 0o644);
            world.file("url", &format!("https://localhost:{}/topic\n", server.port()), 0o600);
            let told = world.path("told");
            let script = world.file("alarm.sh", &format!("#!/bin/sh\nenv >>{}\n", told.display()), 0o755);
            let alarm = json!({
                "url": {"file": "url"}, "format": format, "motd": true, "command": [script.to_str().unwrap()],
            });
            let world = world.set("alarm", alarm).set("metrics", json!({"textfile": "postrider.prom"}));
            let arguments =
                ["-i", "-F", "Canary-Full", "-V", "CANARY-ENVID", "-f", sender, "--", "canary-rcpt@away.example"];
            world.sendmail(&arguments, MAIL).code(0);
            world.run_once();
            // The bounce is refused as well.
            world.run_once();
            world.postrider(&["status", "--alarm"]);
            wait_for(kind, || {
                fs::read_to_string(&told).is_ok_and(|told| told.contains(&format!("POSTRIDER_KIND={kind}\n")))
            });
            let read = |name: &str| fs::read_to_string(world.path(name)).unwrap();
            for (what, text) in [
                ("alarms", server.asked().concat()),
                ("environment", read("told")),
                ("motd", read("spool/motd")),
                ("metrics", world.postrider(&["metrics"]).code(0).stdout),
                ("textfile", read("postrider.prom")),
                ("alarm test", world.postrider(&["alarm", "test"]).code(0).stdout),
            ] {
                assert!(!text.is_empty(), "{kind}: {what}");
                assert!(!text.to_lowercase().contains("canary"), "{kind}: {what}: {text}");
            }
        }
    }
}
