//! Each kind of reason that `status`, `check` and `route` report has a test that brings it about, and sees it gone.

use std::fs;
use std::path::Path;

use crate::none;

/// The kinds, as JSON names them, each with tests that break an "OK" or a "good" by it.
const TESTS: [(&str, &[&str]); 30] = [
    ("unknown", &["too_few_descriptors_are_told_and_no_message_is_called_unreadable"]),
    (
        "config",
        &[
            "status_shouts_where_the_config_cannot_be_read_and_says_where_and_how_much_mail_waits_for_it",
            "a_configuration_that_cannot_be_read_is_one_object_too",
        ],
    ),
    (
        "table",
        &[
            "a_table_that_cannot_be_read_is_critical_before_any_mail_needs_it",
            "a_generic_table_that_cannot_be_read_is_critical_too",
            "status_shouts_while_mail_waits_for_a_table",
            "check_finds_every_mistake_at_once_and_says_how_to_mend_each",
        ],
    ),
    (
        "runner",
        &[
            "what_the_machine_lacks_is_a_reason_with_its_kind_for_everyone_and_gone_when_it_is_there",
            "a_runner_that_does_not_answer_is_no_good_sign",
            "a_runner_that_does_not_answer_is_told_to_everybody_within_a_bounded_time",
            "a_socket_that_is_gone_is_told_to_everybody",
        ],
    ),
    (
        "space",
        &[
            "a_full_disk_is_critical_at_once",
            "a_full_disk_is_named",
            "status_is_critical_without_a_runner_and_without_room_which_the_log_tells_once",
        ],
    ),
    ("limit", &["status_is_critical_before_a_users_mail_is_refused_for_their_limit"]),
    (
        "listener",
        &[
            "a_port_that_is_taken_is_in_status_and_check_until_it_is_free",
            "a_certificate_that_cannot_be_read_is_in_status_and_check_before_any_client_comes",
            "check_names_a_certificate_that_does_not_fit_and_an_owner_who_is_not_there",
            "sections_without_a_password_keep_no_command_and_no_mail_waiting_for_one_another",
        ],
    ),
    (
        "account",
        &[
            "an_account_that_needs_its_owner_is_critical_and_says_since_when",
            "a_sender_whose_mail_leaves_through_another_account_is_named",
            "check_finds_every_mistake_at_once_and_says_how_to_mend_each",
        ],
    ),
    (
        "relay",
        &[
            "a_relay_that_is_away_for_a_moment_is_named_but_no_cause_for_alarm",
            "what_was_said_of_a_relay_is_not_said_of_the_next_one",
        ],
    ),
    ("no-account", &["what_the_machine_lacks_is_a_reason_with_its_kind_for_everyone_and_gone_when_it_is_there"]),
    (
        "unserved",
        &["mail_that_nobody_serves_is_critical", "check_finds_every_mistake_at_once_and_says_how_to_mend_each"],
    ),
    ("rejected", &["mail_that_the_provider_rejects_for_its_sender_is_critical_and_names_the_cure"]),
    (
        "unmapped",
        &[
            "mail_to_local_users_without_an_address_is_critical_and_each_row_to_write_is_named",
            "mail_to_root_that_has_nowhere_to_go_is_named_with_the_row_to_write",
        ],
    ),
    ("refused", &["an_address_that_is_never_sent_is_a_reason_of_the_route"]),
    ("held", &["a_forged_sender_is_refused_at_the_socket_and_held_from_the_drop"]),
    ("late", &["mail_that_is_late_is_a_warning_and_mail_in_failed_too"]),
    (
        "failed",
        &[
            "mail_that_is_late_is_a_warning_and_mail_in_failed_too",
            "mail_without_a_sender_to_nobody_is_no_alarm_of_the_machine",
        ],
    ),
    ("damaged", &["mail_that_is_late_is_a_warning_and_mail_in_failed_too"]),
    ("rewriting", &["a_row_that_catches_the_whole_domain_of_the_provider_is_an_error"]),
    (
        "password",
        &[
            "an_account_whose_provider_accepts_no_passwords_any_more_is_a_warning_until_it_uses_tokens",
            "a_password_file_that_the_runner_cannot_use_is_mended_by_the_command_that_check_names",
            "a_secret_of_a_container_that_all_may_read_is_refused_with_a_way_that_works_from_inside",
        ],
    ),
    (
        "tls",
        &[
            "a_port_that_expects_the_other_kind_of_tls_is_named",
            "a_mode_that_shows_a_password_in_the_config_hides_no_other_mistake",
        ],
    ),
    (
        "permissions",
        &[
            "check_names_every_file_that_others_may_change_and_every_key_that_they_can_read",
            "whoever_may_replace_a_file_that_the_runner_opens_is_named",
        ],
    ),
    (
        "spool",
        &[
            "check_finds_every_mistake_at_once_and_says_how_to_mend_each",
            "a_part_of_the_spool_that_cannot_be_used_is_critical_and_named",
        ],
    ),
    (
        "installation",
        &[
            "an_installed_machine_has_no_error_and_every_wrong_place_is_fixed_by_the_command_of_check",
            "wrong_users_groups_and_members_are_mended_by_the_command_that_check_names",
            "a_user_namespace_that_knows_few_uids_is_told",
        ],
    ),
    ("sendmail", &["a_name_of_sendmail_that_is_somebody_elses_is_named"]),
    ("alias", &["aliases_are_followed_to_their_ends"]),
    ("cron", &["jobs_whose_mail_is_lost_or_has_nowhere_to_go_are_named"]),
    ("clock", &["mail_from_the_future_is_told_as_a_wrong_clock"]),
    ("silence", &["an_expected_sender_that_is_silent_is_a_warning_and_an_alarm_until_it_writes"]),
    ("alarm", &["an_alarm_that_cannot_be_sent_is_a_warning_before_it_is_needed"]),
];

#[test]
fn each_kind_of_reason_has_a_test_that_brings_it_about() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = fs::read_to_string(root.join("src/control/report.rs")).unwrap();
    let body = source.split_once("pub enum Kind {").unwrap().1.split_once("\n}").unwrap().0;
    let names = body.lines().map(str::trim).filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    let kinds: Vec<String> = names.map(|name| kebab(name.trim_end_matches(','))).collect();
    let listed: Vec<&str> = TESTS.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, listed);
    let mut tests = String::new();
    for folder in ["tests/end_to_end", "tests/system"] {
        read(&root.join(folder), &mut tests);
    }
    let tests_of = TESTS.iter().flat_map(|(kind, names)| names.iter().map(move |name| (kind, name)));
    let missing = tests_of.filter(|(_, name)| !tests.contains(&format!("#[test]\nfn {name}(")));
    none(missing.map(|(kind, name)| format!("{kind}: there is no test {name}")));
}

fn kebab(name: &str) -> String {
    let word = |(at, c): (usize, char)| {
        let dash = (at > 0 && c.is_ascii_uppercase()).then_some('-');
        dash.into_iter().chain([c.to_ascii_lowercase()])
    };
    name.chars().enumerate().flat_map(word).collect()
}

fn read(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}
