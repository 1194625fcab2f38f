//! Templates: what stands in one, and what becomes of values.

use super::*;

fn filled(target: Target, text: &str, value: &str) -> String {
    Template::parse(target, text).unwrap().fill(|_| value.to_owned())
}

#[test]
fn a_value_cannot_end_the_place_that_it_stands_in() {
    let bad = "\"}, \\ {text}\n&x=1%<é";
    let json: serde_json::Value =
        serde_json::from_str(&filled(Target::Json, r#"{"a": {"b": "<{text}>"}, "c": "{}"}"#, bad)).unwrap();
    assert_eq!(json, serde_json::json!({"a": {"b": format!("<{bad}>")}, "c": "{}"}));
    let form = filled(Target::Form, "chat=1&text={text}", bad);
    assert_eq!(form.matches(['&', '=']).count(), 3, "{form}");
    assert!(form.starts_with("chat=1&text=%22%7D"), "{form}");
    assert_eq!(filled(Target::Text, "{kind}: {cure} {x y} {", bad), format!("{bad}: {bad} {{x y}} {{"));
    assert_eq!(filled(Target::Json, r#"{"text": "{text}"}"#, "\"\""), r#"{"text": "\"\""}"#);
}

#[test]
fn a_template_asks_for_known_values_within_strings() {
    assert_eq!(Template::parse(Target::Text, "{reason}"), Err(TemplateError::Unknown("reason".to_owned())));
    for text in [r#"{"count": {count}}"#, "{text}", r#"{"text": "{text}""#] {
        assert_eq!(Template::parse(Target::Json, text), Err(TemplateError::NotJson), "{text}");
    }
    let said = TemplateError::Unknown("x".to_owned()).to_string();
    assert!(said.contains("{x}") && said.contains("{host}, {state}"), "{said}");
}
