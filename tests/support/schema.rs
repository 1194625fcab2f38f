//! JSON Schema (draft 2020-12), as far as the schemas in contrib use it. A keyword that is not known here is refused, so that no
//! schema says more than is held.

use std::path::Path;

use serde_json::{Map, Value};

/// Keywords that say nothing about a value.
const NOTES: [&str; 5] = ["$schema", "$id", "$defs", "title", "description"];

/// A schema of contrib.
pub struct Schema(Value);

impl Schema {
    /// The one for this command.
    pub fn of(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../contrib/schema/{name}.schema.json"));
        Self(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
    }

    /// All that is wrong with a value, each with its place.
    pub fn faults(&self, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.check(&self.0, value, "", &mut faults);
        faults
    }

    fn check(&self, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
        let Some(keywords) = schema.as_object() else { panic!("{schema} is no schema") };
        for (keyword, wanted) in keywords.iter().filter(|(keyword, _)| !NOTES.contains(&keyword.as_str())) {
            let holds = match keyword.as_str() {
                "type" => any(wanted, |name| is(value, name.as_str().unwrap())),
                "enum" => any(wanted, |one| one == value),
                "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
                "anyOf" => any(wanted, |one| {
                    let mut found = Vec::new();
                    self.check(one, value, place, &mut found);
                    found.is_empty()
                }),
                "required" => wanted.as_array().unwrap().iter().all(|name| has(value, name)),
                "$ref" => {
                    let pointer = wanted.as_str().unwrap().strip_prefix('#').unwrap();
                    self.check(self.0.pointer(pointer).unwrap(), value, place, faults);
                    true
                }
                "items" => {
                    let items = value.as_array().into_iter().flatten().enumerate();
                    items.for_each(|(at, item)| self.check(wanted, item, &format!("{place}/{at}"), faults));
                    true
                }
                "properties" => {
                    for (name, schema) in wanted.as_object().unwrap() {
                        if let Some(member) = value.get(name) {
                            self.check(schema, member, &format!("{place}/{name}"), faults);
                        }
                    }
                    true
                }
                "additionalProperties" => {
                    let known = keywords.get("properties").and_then(Value::as_object);
                    self.others(wanted, value.as_object(), known, place, faults);
                    true
                }
                unknown => panic!("the keyword {unknown} is not known here"),
            };
            if !holds {
                faults.push(format!("{place}: {keyword} {wanted} does not hold for {value}"));
            }
        }
    }

    fn others(
        &self,
        wanted: &Value,
        members: Option<&Map<String, Value>>,
        known: Option<&Map<String, Value>>,
        place: &str,
        faults: &mut Vec<String>,
    ) {
        let is_known = |name: &str| known.is_some_and(|known| known.contains_key(name));
        for (name, member) in members.into_iter().flatten().filter(|(name, _)| !is_known(name)) {
            match wanted {
                Value::Bool(false) => faults.push(format!("{place}/{name}: not among the properties")),
                schema => self.check(schema, member, &format!("{place}/{name}"), faults),
            }
        }
    }
}

fn any(wanted: &Value, holds: impl Fn(&Value) -> bool) -> bool {
    wanted.as_array().map_or_else(|| holds(wanted), |all| all.iter().any(&holds))
}

fn has(value: &Value, name: &Value) -> bool {
    value.as_object().is_none_or(|members| members.contains_key(name.as_str().unwrap()))
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        unknown => panic!("the type {unknown} is not known here"),
    }
}
