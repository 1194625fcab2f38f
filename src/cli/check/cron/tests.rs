//! Unit tests of `cli::check::cron`.

use super::*;

#[test]
fn a_mailto_line_is_read_as_cron_reads_it() {
    for (line, value) in [
        ("MAILTO=root", Some("root")),
        (" MAILTO = root ", Some("root")),
        ("\"MAILTO\"=\"root\"", Some("\"root\"")),
        ("MAILTO=", Some("")),
        ("#MAILTO=root", None),
        ("MAILFROM=root", None),
        ("* * * * * root echo MAILTO=x", None),
    ] {
        assert_eq!(mail_to(line), value, "{line}");
    }
}

#[test]
fn mail_that_is_lost_or_goes_to_nobody_is_seen() {
    let names = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect());
    for (value, cron, anacron) in [
        ("root", names(&["root"]), names(&["root"])),
        ("", names(&[]), names(&[])),
        ("root,me@isp.example", names(&["root", "me@isp.example"]), names(&["root", "me@isp.example"])),
        ("\"root\"", names(&["root"]), Err(Fate::ToOddUser)),
        ("'root'", names(&["root"]), Err(Fate::ToOddUser)),
        ("root, me@isp.example", Err(Fate::ThrownAway), names(&["root", "me@isp.example"])),
        ("\"root, me@isp.example\"", Err(Fate::ThrownAway), Err(Fate::ToOddUser)),
        ("Me <me@isp.example>", Err(Fate::ThrownAway), names(&[])),
        ("root # me", Err(Fate::ThrownAway), names(&[])),
        ("\"root", Err(Fate::ThrownAway), Err(Fate::ToOddUser)),
        ("-oQ/tmp", Err(Fate::ThrownAway), names(&["-oQ/tmp"])),
        ("me+cron@isp.example", names(&["me+cron@isp.example"]), names(&["me+cron@isp.example"])),
    ] {
        assert_eq!(recipients(value, Reader::Cron), cron, "cron: {value}");
        assert_eq!(recipients(value, Reader::Anacron), anacron, "anacron: {value}");
    }
}

#[test]
fn the_user_of_a_job_stands_behind_its_times() {
    for (line, user) in [
        ("17 * * * * root cd / && run-parts", Some("root")),
        ("*/5 * * * * www-data php cron.php", Some("www-data")),
        ("@daily backup /usr/bin/backup", Some("backup")),
        ("# 17 * * * * root x", None),
        ("SHELL=/bin/sh", None),
        ("", None),
    ] {
        assert_eq!(user_of(line), user, "{line}");
    }
}
