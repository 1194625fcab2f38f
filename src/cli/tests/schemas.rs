//! The JSON schemas in contrib against the program: the members and kinds of a report by their serde implementations, and the
//! keys of a configuration, whose schema is written again by `POSTRIDER_RENEW=yes cargo test --lib schemas`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::serde_names::names;
use crate::config::keys::{
    ACCOUNT_KEYS, ALARM_KEYS, CLIENT_KEYS, FLOOD_KEYS, Key, LIMIT_KEYS, LISTEN_KEYS, METRICS_KEYS, QUEUE_KEYS,
    TABLE_KEYS, TIMEOUT_KEYS, TOP_KEYS,
};
use crate::control::report::{Figures, Kind, Reason, Report};

const STATUS: &str = include_str!("../../../contrib/schema/status.schema.json");
const CHECK: &str = include_str!("../../../contrib/schema/check.schema.json");

fn members(schema: &Value) -> BTreeSet<String> {
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_schemas_of_reports_have_every_member_and_kind_and_no_other() {
    for (text, counts) in [(STATUS, true), (CHECK, false)] {
        let schema: Value = serde_json::from_str(text).unwrap();
        let mut expected = names::<Report>();
        if counts {
            assert_eq!(members(&schema["$defs"]["queue"]), names::<Figures>());
        } else {
            expected.remove("queue");
        }
        assert_eq!(members(&schema), expected);
        let reason = &schema["$defs"]["reason"];
        assert_eq!(members(reason), names::<Reason>());
        let kinds = reason["properties"]["kind"]["enum"].as_array().unwrap();
        assert_eq!(
            kinds.iter().map(|kind| kind.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(),
            names::<Kind>()
        );
    }
}

/// A section with these keys and no others; `inner` are sections in it.
fn section(keys: &[Key], inner: &[(&str, Value)]) -> Value {
    let property = |key: &Key| {
        let mut schema = match inner.iter().find(|(name, _)| *name == key.name) {
            Some((_, inner)) => inner.clone(),
            None if TABLE_KEYS.contains(&key.name) => {
                json!({ "type": "array", "items": { "type": ["string", "object"] } })
            }
            None if key.name == "scram" => json!({ "type": "null" }),
            None if key.name == "password" => json!({ "type": ["object", "null"] }),
            None => json!({ "type": ["string", "integer", "boolean", "array", "object"] }),
        };
        schema.as_object_mut().unwrap().insert("description".to_owned(), key.doc.into());
        (key.name.to_owned(), schema)
    };
    json!({
        "type": "object",
        "properties": keys.iter().map(property).collect::<Map<_, _>>(),
        "additionalProperties": false
    })
}

/// Sections of a kind, each with a name.
fn named(section: &Value) -> Value {
    json!({ "type": "object", "additionalProperties": section })
}

fn of_config() -> Value {
    let account = section(ACCOUNT_KEYS, &[("timeouts", section(TIMEOUT_KEYS, &[]))]);
    let sections = [
        ("account", named(&account)),
        ("listen", named(&section(LISTEN_KEYS, &[]))),
        ("client", named(&section(CLIENT_KEYS, &[]))),
        ("queue", section(QUEUE_KEYS, &[])),
        ("limits", section(LIMIT_KEYS, &[])),
        ("alarm", section(ALARM_KEYS, &[])),
        ("metrics", section(METRICS_KEYS, &[])),
        ("flood", section(FLOOD_KEYS, &[])),
    ];
    let mut keys = section(TOP_KEYS, &sections);
    keys.as_object_mut().unwrap().insert(
        "description".to_owned(),
        "The keys that are set, nested as the sections are; a secret is null.".into(),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:postrider:schema:config",
        "title": "What \"postrider config show --json\" prints; see postrider.toml(5) for the keys.",
        "type": "object",
        "required": ["files", "keys"],
        "properties": {
            "files": {
                "description": "The files of the configuration, the main one first.",
                "type": "array",
                "items": { "type": "string" }
            },
            "keys": keys
        }
    })
}

#[test]
fn the_schema_of_a_configuration_has_every_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/schema/config.schema.json");
    let generated = format!("{:#}\n", of_config());
    if std::env::var_os("POSTRIDER_RENEW").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == generated, "{} lacks keys: run `POSTRIDER_RENEW=yes cargo test --lib schemas`", path.display());
}
