//! `postrider report`: what became of the mail of a week, for its owner to read and to show.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use serde_json::{Value, json};

use support::provider::{Provider, Verb, on};
use support::wait::wait_for;
use support::world::World;

/// A machine whose mail arrived and was returned, and a sender with a name that is markup.
fn with_history(isp: &Provider) -> World {
    let world = World::at_home(isp);
    for to in ["bob@away.example", "eve@away.example", "nobody@away.example"] {
        world.sendmail(&["-N", "never", "-f", "alice", to], "Subject: CANARY <b>\n\nCANARY\n").code(0);
    }
    world.sendmail(&["-N", "never", "-f", "\"<script>alert(1)</script>\"@home.lan", "bob@away.example"], "\n").code(0);
    world.drain();
    world
}

fn provider() -> Provider {
    Provider::setup().rule(on(Verb::Rcpt).about("nobody@away.example").reply("550 5.1.1 CANARY-REPLY")).start()
}

#[test]
fn the_report_counts_mail_by_day_account_and_sender_and_says_why_mail_came_back() {
    let isp = provider();
    let world = with_history(&isp);
    let said = world.postrider(&["report"]).code(0).stdout;
    for part in [
        "Mail of homebox.home.lan from ",
        "4 messages",
        "3 delivered, 1 returned",
        "\nPer day\n",
        "\nPer account\n  isp ",
        "alice@home.lan",
        "1 there is no such address  correct the address",
        "[5.1.1]",
        "(median)",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("CANARY"), "{said}");
    let report: Value = serde_json::from_str(&world.postrider(&["report", "--json"]).code(0).stdout).unwrap();
    assert_eq!((&report["total"]["messages"], &report["total"]["returned"]), (&json!(4), &json!(1)));
    assert_eq!(
        (&report["senders"][0]["sender"], &report["senders"][0]["messages"]),
        (&json!("alice@home.lan"), &json!(3))
    );
    assert_eq!(report["bounces"][0]["codes"], json!(["5.1.1"]));
    assert_eq!((&report["accounts"][0]["account"], report["days"].as_array().unwrap().len()), (&json!("isp"), 1));
    // Of a time without mail.
    let none = world.postrider(&["report", "--since", "0s"]).code(0).stdout;
    assert!(none.contains("0 messages"), "{none}");
    world.postrider(&["report", "--since", "soon"]).code(64);
}

#[test]
fn a_sender_that_used_to_write_is_named_as_quiet() {
    let isp = provider();
    let world = with_history(&isp);
    let history = world.spool("history").pop().unwrap();
    let name = format!("spool/history/{}", history.file_name().unwrap().to_str().unwrap());
    let text = fs::read_to_string(&history).unwrap();
    // A day or ten ago: one file may have records of any day.
    let now = jiff::Timestamp::now();
    let today = now.strftime("\"finished\":\"%Y-%m-%d").to_string();
    let then = (now - jiff::SignedDuration::from_hours(24 * 10)).strftime("\"finished\":\"%Y-%m-%d").to_string();
    let old = text.replace(&today, &then).replace("\"sender\":\"alice@home.lan\"", "\"sender\":\"backup@home.lan\"");
    world.file(&name, &(old + &text), 0o600);
    let said = world.postrider(&["report"]).code(0).stdout;
    let quiet = said.split("Gone silent").nth(1).unwrap_or_default();
    assert!(quiet.contains("backup@home.lan") && quiet.contains("3 messages in the days before"), "{said}");
    assert!(said.contains("  4 messages"), "{said}");
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_shows_markup_as_text() {
    let isp = provider();
    let world = with_history(&isp);
    let path = world.path("report.html");
    world.postrider(&["report", "--html", path.to_str().unwrap()]).code(0);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let page = fs::read_to_string(&path).unwrap();
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !page.contains("<script"), "{page}");
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = ring::digest::digest(&ring::digest::SHA256, style.as_bytes());
    let hash = base64::engine::general_purpose::STANDARD.encode(hash.as_ref());
    assert!(page.contains(&format!("content=\"default-src 'none'; style-src 'sha256-{hash}'\"")), "{page}");
    let elsewhere = page.replace("http://www.w3.org/2000/svg", "");
    let forbidden = ["http:", "https:", "src=", "href=", "url(", "@import", " style=", "onload"];
    assert!(forbidden.iter().all(|word| !elsewhere.contains(word)), "{page}");
    assert_eq!(page.matches("<svg role=\"img\" aria-label=").count(), 2, "{page}");
    assert!(page.contains("<html lang=\"en\">") && page.contains("prefers-color-scheme:dark"), "{page}");
    let (tables, reachable) = (page.matches("<table>").count(), page.matches("tabindex=\"0\" aria-label=").count());
    assert!(tables == 4 && reachable == 4, "whoever has no mouse moves a table that is too wide: {page}");
    assert!(!page.contains("CANARY"), "{page}");
    let failed = world.postrider(&["report", "--html", "/nonexistent/report.html"]).code(74);
    failed.says("cannot write /nonexistent/report.html");
}

#[test]
fn what_others_put_beside_the_page_is_not_written_to() {
    let isp = provider();
    let world = with_history(&isp);
    world.file("victim", "precious", 0o644);
    // A name that anybody could guess, as in /tmp.
    std::os::unix::fs::symlink(world.path("victim"), world.path("report.html.new")).unwrap();
    std::os::unix::fs::symlink(world.path("victim"), world.path("report.html")).unwrap();
    world.postrider(&["report", "--html", world.path("report.html").to_str().unwrap()]).code(0);
    assert_eq!(fs::read_to_string(world.path("victim")).unwrap(), "precious");
    assert!(world.path("report.html").symlink_metadata().unwrap().is_file());
}

#[test]
fn an_anonymous_report_has_no_address_and_no_name_of_the_machine() {
    let isp = provider();
    let world = with_history(&isp);
    let path = world.path("report.html");
    world.postrider(&["report", "--anonymous", "--html", path.to_str().unwrap()]).code(0);
    let all = fs::read_to_string(&path).unwrap()
        + &world.postrider(&["report", "--anonymous"]).code(0).stdout
        + &world.postrider(&["report", "--anonymous", "--json"]).code(0).stdout;
    for word in ["alice", "home.lan", "away.example", "homebox", "alert"] {
        assert!(!all.contains(word), "{word}: {all}");
    }
    assert!(all.contains("name-"), "{all}");
}

#[test]
fn the_report_goes_to_the_postmaster_as_mail() {
    let isp = provider();
    let world = with_history(&isp).set("postmaster", "boss@away.example");
    world.postrider(&["report", "--mail"]).code(0);
    world.run_once();
    wait_for("the report", || isp.received() == 4);
    let mail = isp.mails().pop().unwrap();
    assert_eq!(mail.to, ["boss@away.example"]);
    let text = String::from_utf8_lossy(&mail.content).into_owned();
    assert!(
        text.contains("Subject: homebox.home.lan: mail from ") && text.contains("3 delivered, 1 returned"),
        "{text}"
    );
}
