//! Everything that people copy is run or loaded by a test: each block of README and manual and each file of contrib names the one that
//! does it here, and what is new and names none is a failure.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A page, what the block has in it that no other block of the page has, and its test.
const SHOWN: [(&str, &str, &str); 55] = [
    ("README.md", "cargo run --release -- demo", IN_CHECK),
    ("README.md", "apt install ./postrider_*.deb", BARE_DEBIAN),
    ("README.md", "sudo contrib/install.sh", BARE_DEBIAN),
    ("README.md", "docker compose up", CONTAINER),
    ("README.md", "install -D target/release/postrider", BARE_DEBIAN),
    ("README.md", "[account.isp]", CONFIGS),
    ("README.md", "postrider route", COMMANDS),
    ("README.md", "sudo postrider client add scanner", CLIENT_ADD),
    ("README.md", "git config", "patches_sent_with_git_arrive_as_a_thread"),
    ("man/mailq.1", "----Queue ID-----", TABLE),
    ("man/postrider-drop.8", "cargo test --test system", IN_CHECK),
    ("man/postrider-formats.5", "crc32 /dev/stdin", "a_journal_line_is_checked_by_hand"),
    ("man/postrider-formats.5", "uid=UID", "log_lines_are_as_written"),
    (SUBMISSION, "[listen.lan]", "a_nas_with_a_login_sends"),
    (SUBMISSION, "postrider check --ca", "a_nas_with_a_login_sends"),
    (SUBMISSION, "[listen.scanner]", "a_scanner_without_tls_and_login_sends_to_the_house_alone"),
    (SUBMISSION, "[listen.copier]", "a_device_that_only_knows_tls_1_0_sends_without"),
    (SUBMISSION, "[listen.bridge]", "a_container_on_a_bridge_sends"),
    (SUBMISSION, "[listen.localhost]", "a_program_that_only_speaks_smtp_sends"),
    (SUBMISSION, "[listen.submission]", "a_laptop_abroad_sends_under_its_own_address"),
    (SUBMISSION, "RENEWED_LINEAGE", "the_hook_of_certbot_puts_the_certificate_where_it_is_read"),
    (SUBMISSION, "[listen.house]", "the_smarthost_of_other_machines_relays_for_them"),
    (MACHINES, "[listen.house]", SMARTHOST),
    (MACHINES, "postrider client password web1", SMARTHOST),
    (MACHINES, "postrider check --ca", SMARTHOST),
    (MACHINES, "[account.homebox]", SMARTHOST),
    (MACHINES, "a.relay.example.", WEIGHTS),
    (MACHINES, "[account.relays]", WEIGHTS),
    (MACHINES, "textfile =", SCRAPED),
    (MACHINES, "scrape_configs:", SCRAPED),
    (MACHINES, "for host in", "the_status_of_all_machines_is_collected_by_the_loop_that_is_shown"),
    ("man/postrider-tables.5", "hisaccount@hisisp.example", TABLE),
    ("man/postrider.1", "[account.isp]", CONFIGS),
    ("man/postrider.1", "postrider route", COMMANDS),
    ("man/postrider.1", "git config", "patches_sent_with_git_arrive_as_a_thread"),
    ("man/postrider.toml.5", "[account.isp]", CONFIGS),
    ("man/postrider.toml.5", "oauth = {", "the_account_of_the_manual_is_read_and_needs_a_login"),
    ("man/sendmail.8", "-FCronDaemon", COMMANDS),
    ("man/sendmail.8", "sendmail -t <<END", COMMANDS),
    (TROUBLE, "wrong user name or password for [account.isp]", "a_wrong_password_is_told_as_such"),
    (TROUBLE, "the server rejects the login of account isp", "a_wrong_password_is_told_as_such"),
    (TROUBLE, "the provider requires an app password", "an_app_password_is_asked_for_where_the_provider_wants_one"),
    (
        TROUBLE,
        "does not let account isp send",
        "a_sender_that_the_account_does_not_own_is_told_with_the_row_that_mends_it",
    ),
    (TROUBLE, "no entry of `generic`", "a_missing_generic_row_is_found_before_the_provider_complains"),
    (TROUBLE, "a firewall or the Internet provider", "a_blocked_port_is_told_as_such"),
    (TROUBLE, "its group or others have access to it", UNREADABLE),
    (TROUBLE, "write the password into it, as one line", UNREADABLE),
    (TROUBLE, "the certificate is not for", "a_certificate_for_another_name_is_told_with_the_key_that_names_it"),
    (TROUBLE, "is misspelt", "a_machine_without_network_is_told_so"),
    (TROUBLE, "disk almost full", "a_full_disk_is_told_at_once_and_the_caller_keeps_its_mail"),
    (
        TROUBLE,
        "belongs to another mail program",
        "another_mail_program_in_the_way_is_told_with_the_command_that_moves_it",
    ),
    (TROUBLE, "sudo postrider backup postrider.tar", MOVED),
    (TROUBLE, "sudo postrider restore postrider.tar", MOVED),
    (
        "contrib/config.toml",
        "# postrider: an example",
        "the_example_config_parses_also_with_any_of_its_lines_put_to_use",
    ),
    ("contrib/debian/config.toml", "# postrider's configuration", PACKAGED),
];

/// Where a file of contrib begins, and its test.
const CONTRIB: [(&str, &str); 37] = [
    ("ansible/", "ansible_installs_the_package_and_an_account_and_changes_nothing_twice"),
    ("apparmor/", "the_apparmor_profile_is_one"),
    ("changelog", BARE_DEBIAN),
    ("cloud-init/", "a_machine_that_cloud_init_sets_up_mails_after_its_first_boot"),
    ("completions/", "scripts_and_completions_are_what_their_shells_can_read"),
    ("config.toml", "the_example_config_parses_also_with_any_of_its_lines_put_to_use"),
    ("container/", CONTAINER),
    ("cron.d/", CRON_LINE),
    ("debian/config", PRESEEDED),
    ("debian/config.toml", PACKAGED),
    ("debian/links/", BARE_DEBIAN),
    ("debian/postinst", BARE_DEBIAN),
    ("debian/postrm", BARE_DEBIAN),
    ("debian/prerm", BARE_DEBIAN),
    ("debian/templates", PRESEEDED),
    ("fail2ban/", "fail2ban_bans_who_guesses_with_the_filter_of_contrib"),
    ("hooks/", CRON_LINE),
    ("init.d/", "the_init_script_starts_reloads_and_stops_the_runner"),
    ("install.sh", "what_is_installed_works_is_told_and_may_be_installed_again"),
    ("logwatch/", "logwatch_and_pflogsumm_make_full_sense_of_a_day_with_sent_deferred_bounced_and_held_mail"),
    ("prometheus/alerts.yml", SCRAPED),
    ("prometheus/dashboard.json", "the_rules_and_the_dashboard_ask_for_figures_that_there_are"),
    ("schema/", "reports_fit_their_schemas_in_good_times_and_bad"),
    ("systemd/postrider-", "the_units_are_valid_and_the_service_is_exposed_by_less_than_two"),
    ("systemd/postrider.", "the_units_are_valid_and_the_service_is_exposed_by_less_than_two"),
    ("systemd/user/", BARE_DEBIAN),
    ("sysusers.d/", "users_and_folders_are_made_as_the_design_has_them"),
    ("update-motd.d/", "those_who_log_in_see_what_is_wrong_until_it_is_over"),
    ("tmpfiles.d/", "users_and_folders_are_made_as_the_design_has_them"),
    // What the project's own people run, and no machine loads.
    ("bench/", BY_HAND),
    ("downgrade", BY_HAND),
    ("realservers/", BY_HAND),
    ("check", IN_CI),
    ("filesystems", IN_CHECK),
    ("release", IN_CHECK),
    ("report.png", "a_picture_that_readme_shows_is_there"),
    ("sbom", IN_CHECK),
];

const MACHINES: &str = "man/postrider-machines.7";
const SMARTHOST: &str = "machines_send_through_one_and_lose_nothing_while_it_is_down_and_up_again";
const WEIGHTS: &str = "mail_is_shared_by_the_weights_of_srv_records";
const SCRAPED: &str = "a_prometheus_collects_two_machines_and_alarms_when_an_account_of_one_is_in_trouble";
const SUBMISSION: &str = "man/postrider-submission.7";
const TROUBLE: &str = "man/postrider-trouble.7";
const CONTAINER: &str = "the_containerfile_and_the_compose_file_lead_from_nothing_to_the_first_mail";
const MOVED: &str = "a_machines_mail_tokens_and_secrets_move_to_another_with_their_owners_and_modes";
const BARE_DEBIAN: &str = "a_bare_debian_learns_to_mail_and_forgets_it_without_a_trace";
const PRESEEDED: &str = "a_package_whose_questions_were_answered_beforehand_sends_at_once_and_forgets_the_password";
const CONFIGS: &str = "every_config_that_is_shown_sends_cron_s_mail_under_an_address_that_the_world_knows";
const COMMANDS: &str = "every_command_that_is_shown_runs";
const TABLE: &str = "the_table_and_the_listing_that_are_shown_are_ours";
const CLIENT_ADD: &str = "a_client_of_the_machine_is_added_by_root_and_read_by_the_service";
const UNREADABLE: &str = "a_password_file_that_others_read_or_nobody_can_is_told_with_the_command_that_mends_it";
const CRON_LINE: &str = "a_machine_without_a_service_manager_sends_by_the_cron_line_and_when_the_network_comes_up";
const PACKAGED: &str = "the_packaged_config_sends_once_its_lines_are_put_to_use";

/// No test's name: what runs it.
const IN_CHECK: &str = "contrib/check";
const IN_CI: &str = ".ci/run";
const BY_HAND: &str = "";

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The manual pages below `man`: `sendmail.8`, and `ja/sendmail.8` in Japanese.
fn manual_pages() -> Vec<String> {
    let man = Path::new(ROOT).join("man");
    let names = files(&man).into_iter().map(|path| path.strip_prefix(&man).unwrap().to_str().unwrap().to_owned());
    names.filter(|name| Path::new(name).extension().is_some_and(|section| section != "md")).collect()
}

/// The code blocks of a Markdown text.
fn fenced(text: &str) -> Vec<String> {
    text.split("\n```").skip(1).step_by(2).map(str::to_owned).collect()
}

/// The displays of a manual page.
fn displays(text: &str) -> Vec<String> {
    let blocks = text.split("\n.Bd ").skip(1).map(|rest| rest.split("\n.Ed").next().unwrap().to_owned());
    let lines = text.lines().filter(|line| line.starts_with(".Dl ") || line.starts_with(".D1 ")).map(str::to_owned);
    blocks.chain(lines).collect()
}

/// Whether what is named runs: a test's function, or a command of a script of ours.
fn runs(name: &str, tests: &str) -> bool {
    [IN_CHECK, IN_CI].contains(&name) || name == BY_HAND || tests.contains(&format!("fn {name}("))
}

#[test]
fn every_block_of_readme_and_manual_is_run_or_loaded_by_a_test() {
    // The translations have the blocks of the English pages, which the guard of the house compares.
    let pages = manual_pages().into_iter().filter(|name| !name.starts_with("ja/"));
    let manual = pages.map(|page| {
        let name = format!("man/{page}");
        let blocks = displays(&read(&name));
        (name, blocks)
    });
    let readme = ("README.md".to_owned(), fenced(&read("README.md")));
    let examples =
        ["contrib/config.toml", "contrib/debian/config.toml"].map(|name| (name.to_owned(), vec![read(name)]));
    let mut claims: Vec<_> = SHOWN.to_vec();
    for (page, blocks) in manual.chain([readme]).chain(examples) {
        for block in blocks {
            // Displays are filled: a line may end anywhere.
            let plain = block.split_whitespace().collect::<Vec<_>>().join(" ");
            let at = claims.iter().position(|(of, part, _)| *of == page && plain.contains(part));
            let at = at.unwrap_or_else(|| panic!("{page} shows what no test is named for here:\n{block}"));
            claims.remove(at);
        }
    }
    assert_eq!(claims, [], "nothing shows this any more");
}

#[test]
fn every_file_of_contrib_is_run_or_loaded_by_a_test() {
    let contrib = Path::new(ROOT).join("contrib");
    for path in files(&contrib) {
        let name = path.strip_prefix(&contrib).unwrap().to_str().unwrap();
        assert!(CONTRIB.iter().any(|(begin, _)| name.starts_with(begin)), "no test is named here for contrib/{name}");
    }
}

#[test]
fn a_picture_that_readme_shows_is_there() {
    let readme = read("README.md");
    let pictures: Vec<&str> =
        readme.split("![").skip(1).filter_map(|rest| rest.split_once("](")?.1.split(')').next()).collect();
    assert_eq!(pictures, ["contrib/report.png"]);
    assert!(fs::read(Path::new(ROOT).join(pictures[0])).unwrap().starts_with(b"\x89PNG\r\n"));
}

#[test]
fn the_tests_that_are_named_exist() {
    let sources = ["src", "tests"].into_iter().flat_map(|folder| files(&Path::new(ROOT).join(folder)));
    let sources = sources.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let tests: String = sources.map(|path| fs::read_to_string(path).unwrap()).collect();
    for name in SHOWN.iter().map(|(_, _, name)| name).chain(CONTRIB.iter().map(|(_, name)| name)) {
        assert!(runs(name, &tests), "there is no test {name}");
    }
    let (check, ci) = (read(IN_CHECK), read(IN_CI));
    for command in [
        "cargo run --release --quiet -- demo",
        "cargo test --locked\n",
        "contrib/filesystems",
        "tests/installed/release",
    ] {
        assert!(check.contains(command), "{IN_CHECK} runs {command:?}");
    }
    assert!(ci.ends_with("CHECK=strict contrib/check\n"));
}

/// What the package must have beside its programs, so that nothing that was written stays behind.
#[test]
fn the_package_has_every_manual_page() {
    let package = read("Cargo.toml");
    for page in manual_pages() {
        let (language, name) = page.rsplit_once('/').map_or(("", page.as_str()), |_| page.split_at("ja/".len()));
        let section = name.rsplit('.').next().unwrap();
        let asset = format!("[\"man/{page}\", \"usr/share/man/{language}man{section}/{name}\"");
        assert!(package.contains(&asset), "Cargo.toml has no {asset}");
    }
}
