//! Lines of variables, and which names are refused.

use std::collections::BTreeSet;

use super::*;

fn read(variables: &[(&str, &str)]) -> Result<String, Vec<BadVariable>> {
    let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Environment::read(variables).map(|environment| environment.text)
}

#[test]
fn each_variable_is_a_line_of_a_file() {
    let text = read(&[
        ("POSTRIDER_RELAY", "[mail.isp.example]:submission"),
        ("POSTRIDER_USERNAME", "12345"),
        ("POSTRIDER_PASSWORD_FILE", "/run/secrets/isp"),
        ("POSTRIDER_GENERIC", "root=me@isp.example, @home.lan=me+\"x\"@isp.example\nhash:/etc/generic"),
        ("POSTRIDER_MAX_PER_MINUTE", "20"),
        ("POSTRIDER_RECEIVED", "false"),
        ("POSTRIDER_LISTEN", ":2525"),
        ("POSTRIDER_LISTEN_NETWORKS", "local"),
        ("POSTRIDER_CLIENT_OWNER", "root"),
        ("POSTRIDER_QUEUE_LIFETIME", "2d"),
        ("POSTRIDER_ON_STUCK", "/bin/tell it"),
        ("POSTRIDER_ORIGIN", ""),
        ("PATH", "/bin"),
    ]);
    assert_eq!(
        text.as_deref(),
        Ok("client.container.owner = \"root\"\n\
            generic = [{ \"root\" = \"me@isp.example\" }, { \"@home.lan\" = \"me+\\\"x\\\"@isp.example\" }, \"hash:/etc/generic\"]\n\
            listen.container.address = [\":2525\"]\n\
            listen.container.networks = [\"local\"]\n\
            account.container.max_per_minute = 20\n\
            on_stuck = [\"/bin/tell\", \"it\"]\n\
            account.container.password.file = \"/run/secrets/isp\"\n\
            queue.lifetime = \"2d\"\n\
            received = false\n\
            account.container.relay = [\"[mail.isp.example]:submission\"]\n\
            account.container.username = \"12345\"\n")
    );
}

#[test]
fn a_value_that_would_end_its_line_stays_in_it() {
    assert_eq!(
        read(&[("POSTRIDER_FROM_NAME", "a\nspool = \"/x\"")]).as_deref(),
        Ok("from_name = \"a\\u000Aspool = \\\"/x\\\"\"\n")
    );
    let bad = read(&[("POSTRIDER_MAX_CONNECTIONS", "1\nspool = 2")]).map_err(|bad| bad.len());
    assert_eq!(bad, Err(1));
}

#[test]
fn a_password_and_what_configures_nothing_is_refused_with_the_way_out() {
    let said =
        |name: &str| read(&[(name, "secret")]).err().and_then(|bad| bad.into_iter().next()).map(|bad| bad.message);
    let of = |name: &str| said(name).unwrap_or_default();
    assert!(of("POSTRIDER_PASSWORD").contains("docker inspect"));
    assert!(of("POSTRIDER_PASSWORD").contains("POSTRIDER_PASSWORD_FILE"));
    assert!(of("POSTRIDER_ALARM_URL").contains("POSTRIDER_ALARM_URL_FILE"));
    assert!(of("POSTRIDER_REALY").contains("POSTRIDER_RELAY"));
    assert!(of("POSTRIDER_OAUTH_CLIENT_SECRET").contains("POSTRIDER_OAUTH_CLIENT_SECRET_FILE"));
    assert!(of("POSTRIDER_OAUTH").contains("POSTRIDER_OAUTH_KEY"));
    assert!(of("POSTRIDER_PASSWORD_KEYRING").contains("no keyring"));
    assert!(of("POSTRIDER_CLIENT_SCRAM").contains("conf.d"));
    assert!(of("POSTRIDER_ALARM_EXPECT").contains("KEY=VALUE"));
    assert!(of("POSTRIDER_SPOOL").contains("volume"));
    assert!(of("POSTRIDER_SOMETHING_ELSE").contains("postrider.toml(5)"));
    assert!(!of("POSTRIDER_PASSWORD").contains("secret"));
}

#[test]
fn what_kubernetes_says_of_a_service_of_our_name_is_passed_over() {
    let names = [
        "POSTRIDER_PORT",
        "POSTRIDER_PORT_587_TCP",
        "POSTRIDER_PORT_587_TCP_ADDR",
        "POSTRIDER_SERVICE_HOST",
        "POSTRIDER_SERVICE_PORT",
        "POSTRIDER_SERVICE_PORT_SUBMISSION",
        "POSTRIDER_SMTP_SERVICE_HOST",
        "POSTRIDER_SMTP_PORT_25_TCP_PROTO",
        "POSTRIDER_EPHEMERAL",
    ];
    assert_eq!(read(&names.map(|name| (name, "x"))).as_deref(), Ok(""));
}

#[test]
fn no_two_keys_share_a_name_and_each_listed_key_is_one() {
    let names: Vec<String> = all().map(|(name, ..)| name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    assert!(names.iter().all(|name| !is_of_kubernetes(name) && !NO_KEYS.contains(&name.as_str())), "{names:?}");
    let keys: BTreeSet<&str> = SECTIONS.iter().flat_map(|(_, _, keys)| keys.iter().map(|key| key.name)).collect();
    let left_out = [&NOT_AT_THE_TOP[..], &WITH_KEYS, &NOT_IN_A_CONTAINER, &ONLY_IN_FILES].concat();
    let listed = [&left_out[..], &SECRETS, &FLAGS, &NUMBERS, &TABLES, &LISTS, &COMMANDS].concat();
    assert!(listed.iter().all(|key| keys.contains(key)), "{listed:?}");
    let variables: BTreeSet<(&str, &str)> = all().map(|(_, section, key, _)| (section, key)).collect();
    for (_, section, keys) in SECTIONS {
        let missing = |key: &&Key| !variables.contains(&(section, key.name)) && !left_out.contains(&key.name);
        assert_eq!(keys.iter().filter(missing).map(|key| key.name).collect::<Vec<_>>(), [""; 0], "{section}");
    }
}

#[test]
fn keys_of_tables_within_a_section_have_variables_too() {
    let text = read(&[
        ("POSTRIDER_HOSTNAME", "box.home.lan"),
        ("POSTRIDER_RELAY", "[smtp.office365.com]:587"),
        ("POSTRIDER_USERNAME", "me@isp.example"),
        ("POSTRIDER_OAUTH_PROVIDER", "microsoft"),
        ("POSTRIDER_OAUTH_CLIENT_ID", "ID"),
        ("POSTRIDER_OAUTH_CLIENT_SECRET_FILE", "/run/secrets/client"),
        ("POSTRIDER_TIMEOUTS_AUTH", "1m"),
        ("POSTRIDER_ALARM_URL_FILE", "/run/secrets/url"),
        ("POSTRIDER_ALARM_FORMAT_TEXT", "{host}: {text}"),
        ("POSTRIDER_ALARM_EXPECT", "backup@home.lan=25h, sync@home.lan=2d"),
        ("POSTRIDER_ALARM_HEARTBEAT_URL_FILE", "/run/secrets/heartbeat"),
        ("POSTRIDER_ALARM_HEARTBEAT_EVERY", "1h"),
    ]);
    let text = text.unwrap_or_default();
    let config = crate::config::read::read(std::path::Path::new("/etc/postrider/config.toml"), &text);
    let config = config.map_err(|error| format!("{error}\n{text}"));
    let account = config.as_ref().map(|config| config.accounts[0].clone()).map_err(Clone::clone);
    let minute = std::time::Duration::from_mins(1);
    assert_eq!(account.as_ref().map(|account| account.timeouts.auth), Ok(Some(minute)));
    assert_eq!(account.map(|account| account.oauth.map(|oauth| oauth.client_id)), Ok(Some("ID".to_owned())));
    let alarm = config.map(|config| (config.alarm.expect.len(), config.alarm.heartbeat.map(|one| one.every)));
    assert_eq!(alarm, Ok((2, Some(minute * 60))));
}

#[test]
fn a_number_and_a_yes_or_no_of_the_example_config_stand_without_quotes() {
    const EXAMPLE: &str = include_str!("../../../contrib/config.toml");
    let written = |key: &str| {
        let mut lines = EXAMPLE.lines().map(|line| line.trim_start_matches('#'));
        lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))
    };
    let mut compared = 0;
    for (name, _, key, form) in all() {
        let Some(value) = written(key) else { continue };
        let is_bare =
            value.starts_with(|c: char| c.is_ascii_digit()) || value.starts_with("true") || value.starts_with("false");
        assert_eq!(is_bare, form == Form::Bare, "{name}: {value}");
        compared += 1;
    }
    assert!(compared > 60, "{compared}");
}
