//! Which rules of smtpd.conf decide, and what becomes of those that cannot be had.

use super::super::{drafted, secrets, translated};
use super::{CONF, smtpd, with_files};
use crate::import::Program;

#[test]
fn the_first_rule_that_fits_decides_the_account() {
    let kid = "action \"kid\" relay host smtps://kid@smtp.kid.example auth <secrets>\n";
    let before =
        |rules: &str| CONF.replace("match from local for local", &format!("{kid}{rules}match from local for local"));
    let two = |rules: &str| {
        translated(
            Program::OpenSmtpd,
            "/c",
            &with_files(&before(rules), &[("/srv/kids", "@kid.example\nkid@x.example\n")]),
        )
    };
    for rules in [
        "match mail-from \"@kid.example\" for any action \"kid\"\n",
        "match from local mail-from \"@kid.example\" for any action \"kid\"\n",
        "match from mail-from \"@kid.example\" for any action \"kid\"\n",
        "match for any mail-from { \"@kid.example\" } action kid\n",
        "table kids { \"@kid.example\", \"bob\" }\nmatch mail-from <kids> for any action \"kid\"\n",
        "table kids file:/srv/kids\nmatch mail-from <kids> for any action \"kid\"\n",
    ] {
        let (config, draft, text) = two(rules);
        let accounts: Vec<&str> = config.accounts.iter().map(|account| account.name.as_str()).collect();
        assert_eq!(accounts, ["kid", "isp"], "{text}");
        assert_eq!(config.accounts[0].senders[0], "@kid.example", "{text}");
        assert_eq!(config.default_account.as_deref(), Some("isp"), "{text}");
        assert_eq!(secrets(&draft), [("kid", "theirs"), ("isp", "p:w #1")], "{text}");
        assert_eq!(text.contains("# Not imported: mail-from bob"), rules.contains("bob"), "{text}");
    }
    for (rules, has, has_not) in [
        // What stands behind a rule for everything is never reached.
        ("match for any action \"kid\"\n", "default_account = \"kid\"", "[account.isp]"),
        (
            "match mail-from regex \".*kid.*\" for any action \"kid\"\n",
            "# Not imported: match from local for any action kid",
            "[account.kid]",
        ),
        (
            "match mail-from regex \".*a\" for any action \"kid\"\nmatch mail-from \"@kid.example\" for any action \"outbound\"\n",
            "# Changed: mail of @kid.example: OpenSMTPD asked another rule first: match from local for any action kid",
            "[account.kid]",
        ),
        ("match tag DKIM for any action \"kid\"\n", "postrider client add", "[account.kid]"),
        ("match !tag DKIM for any action \"kid\"\n", "default_account = \"kid\"", "[account.isp]"),
        ("match auth from any for any action \"kid\"\n", "postrider client add", "[account.kid]"),
        ("match from src \"192.168.1.0/24\" for any action \"kid\"\n", "postrider client add", "[account.kid]"),
        ("match for domain \"kid.example\" action \"kid\"\n", "chooses the relay by sender", "[account.kid]"),
        (
            "match ! for any action \"kid\"\n",
            "# Not imported: match from local for certain recipients",
            "[account.kid]",
        ),
        ("match for any reject\n", "# Not imported: match from local for any reject", "[account.kid]"),
        ("match for any action \"gone\"\n", "there is no such action", "[account.kid]"),
    ] {
        smtpd(&before(rules), &[], &[has], &[has_not]);
    }
}

#[test]
fn a_rule_for_all_but_certain_recipients_is_for_nearly_all_mail() {
    let with = |rule: &str| CONF.replace("match from local for any", &format!("{rule}\nmatch from local for any"));
    let kid = "action \"kid\" relay host smtps://kid@smtp.kid.example auth <secrets>\n";
    for (rule, has) in [
        (
            "match ! for domain \"b.example\" action \"kid\"",
            "# Changed: mail to b.example (match from local for all but",
        ),
        // As it was written before version 6.4.
        (
            "match from local for ! domain \"b.example\" action \"kid\"",
            "# Changed: mail to b.example (match from local",
        ),
        ("match ! for domain { a.example, b.example } action \"kid\"", "# Changed: mail to a.example, b.example ("),
        ("match ! for domain <there> action \"kid\"", "# Changed: mail to <there> ("),
        ("match ! for domain regex \".*b\" action \"kid\"", "# Changed: mail to .*b ("),
        ("match ! for rcpt-to \"x@b.example\" action \"kid\"", "# Changed: mail to x@b.example ("),
        ("match ! for local action \"kid\"", "own_domains = [\"box.home.lan\", \"localhost\"]"),
    ] {
        let conf = format!("{kid}{}", with(rule));
        let (config, draft, text) = translated(Program::OpenSmtpd, "/c", &with_files(&conf, &[]));
        assert!(text.contains(has), "{has}\n{text}");
        assert_eq!(config.default_account.as_deref(), Some("kid"), "{text}");
        assert!(draft.others.is_none() && !text.contains("# Not imported: match"), "{:?}\n{text}", draft.others);
    }
    // A rule for local mail behind it still decides about that, where it leaves it out.
    let no_local = CONF.replace("match from local for local action \"local_mail\"\n", "");
    for (but, own) in [
        ("local", "own_domains = [\"box.home.lan\", \"localhost\"]"),
        ("domain \"box.home.lan\"", "own_domains = [\"box.home.lan\", \"localhost\"]"),
        ("domain \"b.example\"", "own_domains = []"),
    ] {
        let last = format!("match ! for {but} action \"outbound\"\nmatch for local action \"local_mail\"\n");
        let rules = no_local.replace("match from local for any action \"outbound\"\n", &last);
        smtpd(&rules, &[], &[own], &[]);
    }
}

#[test]
fn mail_from_is_for_the_mail_of_its_own_action() {
    let rules = |sender: &str| {
        format!(
            "table secrets file:/etc/mail/secrets\nlisten on lo0\naction \"kid\" relay host smtps://kid@smtp.kid.example auth <secrets> mail-from \"@kid.example\"\n\
             action \"out\" relay host smtp+tls://bob@smtp.isp.example:587 auth <secrets>\n\
             match from local mail-from \"{sender}\" for any action \"kid\"\nmatch from local for any action \"out\"\n"
        )
    };
    smtpd(&rules("kid@box.home.lan"), &[], &["from = \"kid@kid.example\""], &["generic"]);
    smtpd(&rules("@home.lan"), &[], &["mail-from @kid.example of action kid: it is for several senders"], &["from ="]);
}

#[test]
fn a_rule_for_all_but_certain_senders_leaves_these_to_the_rules_behind_it() {
    let kid = "action \"kid\" relay host smtps://kid@smtp.kid.example auth <secrets>\n";
    let last = "match from local for any action \"outbound\"\n";
    let with = |rules: &str| format!("{kid}{}{rules}", CONF.replace(last, ""));
    let isp = "username = \"me@isp.example\"\nsenders = [";
    for (rules, has, has_not) in [
        (
            format!("match !mail-from \"@a.example\" for any action kid\n{last}"),
            &["default_account = \"kid\"", &format!("{isp}\"@a.example\"]")][..],
            "# Not",
        ),
        // An entry within another, in both directions.
        (
            "match !mail-from \"@a.example\" for any action kid\nmatch mail-from \"x@a.example\" for any action outbound\nmatch for any action kid\n".to_owned(),
            &["default_account = \"kid\"", &format!("{isp}\"x@a.example\"]"), "senders = [\"@a.example\"]"],
            "# Not",
        ),
        (
            "match !mail-from \"x@a.example\" for any action kid\nmatch mail-from \"@a.example\" for any action outbound\n".to_owned(),
            &["default_account = \"kid\"", &format!("{isp}\"x@a.example\"]")],
            "# Not",
        ),
        (
            format!("match mail-from \"@a.example\" for any action outbound\nmatch !mail-from \"@a.example\" for any action kid\n{last}"),
            &["default_account = \"kid\"", &format!("{isp}\"@a.example\"]")],
            "# Changed: mail of",
        ),
        // A rule for somebody whose mail has gone already.
        (
            "match !mail-from \"@a.example\" for any action kid\nmatch mail-from \"@b.example\" for any action outbound\n".to_owned(),
            &[
                "default_account = \"kid\"",
                "# Changed: mail of @a.example: no rule was for it, so OpenSMTPD refused it",
            ],
            "[account.isp]",
        ),
        (
            "match !mail-from { \"x@a.example\", bob } for any action kid\n".to_owned(),
            &[
                "default_account = \"kid\"",
                "# Changed: mail of x@a.example: no rule was for it",
                "# Changed: mail of bob (match from local",
            ],
            "senders",
        ),
        (
            format!("match !mail-from <gone> for any action kid\n{last}"),
            &["# Changed: mail of there is no table gone"],
            "[account.isp]",
        ),
    ] {
        smtpd(&with(&rules), &[], has, &[has_not]);
    }
    let draft =
        drafted(Program::OpenSmtpd, "/c", &with_files(&with("match !mail-from x@a.example for any action kid\n"), &[]));
    assert_eq!((draft.elsewhere[0].sender.as_str(), &draft.others), ("x@a.example", &None), "{:?}", draft.elsewhere);
}

#[test]
fn domains_that_a_rule_keeps_on_this_machine_are_its_own() {
    let local = "match from local for local action \"local_mail\"\n";
    let nas = "match from any for domain { nas.lan, \"*.nas.lan\" } action \"local_mail\"\n";
    let with = |rules: &str| CONF.replace(local, rules);
    for (rules, has, has_not) in [
        (
            format!("{nas}{local}"),
            &["own_domains = [\"nas.lan\", \"box.home.lan\", \"localhost\"]", "# Not imported: domain *.nas.lan"][..],
            "x x",
        ),
        (nas.to_owned(), &["own_domains = [\"nas.lan\"]", "aliases = [\"/etc/aliases\"]"], "x x"),
        (format!("match for any action outbound\n{nas}"), &["own_domains = []"], "aliases"),
        (
            format!("match !for local action outbound\n{nas}{local}"),
            &["own_domains = [\"box.home.lan\", \"localhost\"]"],
            "nas.lan\", \"box",
        ),
        (
            format!("match !for domain nas.lan action outbound\n{nas}{local}"),
            &["own_domains = [\"nas.lan\"]"],
            "\"box.home.lan\", \"localhost\"",
        ),
        (
            format!("match for local action outbound\n{nas}{local}"),
            &["own_domains = [\"nas.lan\"]"],
            "\"box.home.lan\", \"localhost\"",
        ),
        (
            format!("action v mbox alias {{ me = x@x.example }}\n{local}match for domain nas.lan action v\n"),
            &["\"nas.lan\"]", "# Changed: mail to nas.lan (match from local for domain nas.lan action v): aliases"],
            "x x",
        ),
        (
            format!("match for domain <gone> action local_mail\n{local}"),
            &["# Not imported: match from local for domain <gone>"],
            "gone\",",
        ),
    ] {
        smtpd(&with(&rules), &[], has, &[has_not]);
    }
}
