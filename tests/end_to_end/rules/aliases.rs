//! Aliases through the real programs: whom they come to, what is refused of them and with which words, and that files are read anew.

use std::fs;

use support::provider::{Mail, Provider};
use support::wait::wait_for;
use support::world::World;

const ALIASES: &str = "# the household\n\
    root: admin, \"quoted name\"\n\
    admin: boss@isp.example,\n    \
       deputy\n\
    deputy: \\deputy, deputy@isp.example\n\
    \"quoted name\": quoted@isp.example\n\
    Odd: \"two words\"@isp.example, root\n\
    round: about\n\
    about: round\n\
    robot: \"|/usr/bin/robot -v\"\n\
    box: /var/mail/box, carol@isp.example\n";

/// Recipients of the mail that is no bounce, and the bounce's text.
fn arrived(isp: &Provider) -> (Vec<String>, String) {
    let text = |mail: &Mail| String::from_utf8_lossy(mail.body()).replace("=\r\n", "").replace("\r\n", " ");
    let (bounces, mails): (Vec<Mail>, Vec<Mail>) = isp.mails().into_iter().partition(|mail| mail.from.is_empty());
    let mut to: Vec<String> = mails.into_iter().flat_map(|mail| mail.to).collect();
    to.sort();
    (to, bounces.iter().map(text).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" "))
}

#[test]
fn recipients_that_differ_in_more_than_capitals_get_the_mail_each() {
    // Two domains under IDNA 2008, although full case folding makes one of them.
    let both = ["bob@fass.example", "bob@xn--fa-hia.example"];
    let isp = Provider::start();
    let world = World::at_home(&isp).set("aliases", "aliases");
    world.table("aliases", "both: bob@fa\u{df}.example, bob@fass.example, Bob@FASS.example\n");
    for given in [&["bob@fa\u{df}.example", "bob@fass.example", "BOB@fass.example"][..], &["both"]] {
        let before = isp.received();
        world.send_to(given).code(0);
        world.drain();
        let given_to = isp.mails().into_iter().skip(before).flat_map(|mail| mail.to);
        let mut to: Vec<String> = given_to.map(|to| to.to_lowercase()).collect();
        to.sort();
        assert_eq!(to, both, "{given:?}: {}", isp.transcript());
    }
}

#[test]
fn aliases_are_followed_to_their_ends_and_what_none_can_deliver_bounces_with_the_reason() {
    let isp = Provider::start();
    let world = World::at_home(&isp).set("aliases", "aliases");
    let list = world.file("list", "# people\ndave@isp.example\nerin@isp.example, Odd\n", 0o644);
    world.table("aliases", &format!("{ALIASES}list: :include:{}\n", list.display()));
    let given = ["list", "round", "robot", "box"];
    let said = world.postrider(&[&["route", "--from", "alice"][..], &given].concat()).code(0).stdout;
    world.send_to(&given).code(0);
    world.drain();
    let (to, bounce) = arrived(&isp);
    let people = ["boss", "carol", "dave", "deputy", "erin", "quoted"].map(|name| format!("{name}@isp.example"));
    // deputy's own mailbox is this machine's, which generic gives to the household.
    let mut all = [&people[..], &["me+home@isp.example".to_owned()]].concat();
    all.sort();
    assert_eq!(to, all, "{bounce}\n{}", isp.transcript());
    for reason in [
        "alias loop: round@home.lan -> about@home.lan -> round@home.lan",
        "aliases:10: this alias runs a program (\"|/usr/bin/robot -v\"), which postrider does not do",
        "aliases:11: this alias delivers to a file (\"/var/mail/box\"), which postrider does not do",
        "use a mail address instead",
        "<\"two words\"@isp.example> is never sent to a server: the address contains a blank",
    ] {
        assert!(bounce.contains(reason) && said.contains(reason), "{reason}:\n{bounce}\n{said}");
    }
    // Each row that was used is named.
    for row in ["list -> :include:", "odd -> ", "root -> ", "admin -> ", "quoted name -> quoted@isp.example"] {
        assert!(said.to_lowercase().contains(&format!("aliases  {row}")), "{row}: {said}");
    }
}

#[test]
fn an_included_list_is_read_when_it_is_asked_for() {
    let isp = Provider::start();
    let world = World::at_home(&isp).set("aliases", "aliases");
    let path = world.path("list");
    world.table(
        "aliases",
        &format!(
            "list: :include:{}
mine: :include:list
",
            path.display()
        ),
    );
    for (name, words) in [("list", "create the file, or remove the :include:"), ("mine", "write the full path")] {
        let ran = world.send_to(&[name]).code(75).one_line();
        assert!(ran.stderr.contains("included list") && ran.stderr.contains(words), "{}", ran.stderr);
    }
    assert!(world.queued().is_empty(), "the caller keeps it");
    world.file("list", "bob@away.example\n", 0o644);
    world.send_to(&["list"]).code(0);
    world.run_once();
    world.file("list", &format!("carol@away.example\n:include:{}\n", path.display()), 0o644);
    world.send_to(&["list"]).code(0);
    world.drain();
    let (to, bounce) = arrived(&isp);
    assert_eq!(to, ["bob@away.example", "carol@away.example"]);
    assert!(bounce.contains("included lists include each other in a loop; remove one"), "{bounce}");
}

#[test]
fn a_changed_table_is_picked_up_by_a_runner_at_work_and_a_bad_row_stops_only_its_own_keys() {
    let isp = Provider::start();
    let world = World::at_home(&isp).set("generic", "generic");
    world.table("generic", "alice@home.lan first@isp.example\nbob@home.lan\n");
    let runner = world.runner().ready(&world);
    world.send_to(&["x@away.example"]).code(0);
    wait_for("the first mail", || isp.received() == 1);
    assert_eq!(isp.mail().from, "first@isp.example");
    world.sendmail(&["-f", "bob", "y@away.example"], "From: bob\n\n").code(0);
    wait_for("the other's mail to wait", || world.mailq().contains("generic:2"));
    world.file("generic", "alice@home.lan second@isp.example\nbob@home.lan bob@isp.example\n", 0o644);
    wait_for("the other's mail", || isp.received() == 2);
    assert_eq!(isp.mail_to("y@away.example").from, "bob@isp.example");
    world.send_to(&["z@away.example"]).code(0);
    wait_for("the third mail", || isp.received() == 3);
    assert_eq!(isp.mail_to("z@away.example").from, "second@isp.example");
    assert!(runner.log().contains("generic:2"), "{}", runner.log());
}

#[test]
fn an_included_list_shows_no_secret_of_the_machine_whatever_its_owner_makes_of_it() {
    let isp = Provider::start();
    let world = World::at_home(&isp)
        .set("aliases", "aliases")
        .account_keys("isp", &[("password", serde_json::json!({ "file": "secrets/isp" }))]);
    fs::create_dir(world.path("secrets")).unwrap();
    fs::create_dir(world.path("lists")).unwrap();
    world.file("secrets/isp", "the-password@isp.example\n", 0o600);
    world.file("secrets/old", "the-password@isp.example\n", 0o644);
    let list = world.path("lists/list");
    world.table("aliases", &format!("list: :include:{}\n", list.display()));
    world.file("lists/list", "friend@away.example\n", 0o644);
    world.send_to(&["list"]).code(0);
    let (secrets, spool) = (world.path("secrets"), world.path("spool/queue"));
    let queued = spool.join(&world.queued()[0]);
    fs::remove_file(&list).unwrap();
    // What whoever owns the list can do with it.
    let link = |from: &std::path::Path, to: &std::path::Path| std::os::unix::fs::symlink(from, to).unwrap();
    let refused = |row: &std::path::Path, words: &str| {
        world.table("aliases", &format!("list: :include:{}\n", row.display()));
        let ran = world.send_to(&["list"]).code(75).one_line();
        assert!(ran.stderr.contains(words) && !ran.stderr.contains("the-password"), "{words}: {}", ran.stderr);
    };
    link(&secrets.join("isp"), &list);
    refused(&list, "is a symbolic link, which is not followed");
    fs::remove_file(&list).unwrap();
    fs::remove_dir(world.path("lists")).unwrap();
    link(&secrets, &world.path("lists"));
    refused(&world.path("lists/isp"), "is a symbolic link, which is not followed");
    for secret in ["isp", "old"] {
        refused(&secrets.join(secret), "where the configuration keeps its secrets");
    }
    fs::hard_link(secrets.join("isp"), world.path("hard")).unwrap();
    refused(&world.path("hard"), "where the configuration keeps its secrets");
    refused(&world.path("config.toml"), "where the configuration keeps its secrets");
    refused(&queued, "it is in the spool");
    refused(&world.path("list/../secrets/isp"), "without ..");
}
