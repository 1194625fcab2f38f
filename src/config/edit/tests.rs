//! Texts before and after a change.

use super::*;

const TEXT: &str = "# The scanner on the first floor.\n[client.scanner]\nowner = \"alice\" # she scans\nscram = \"old\"\n\n\
                    # Another.\n[client.camera]\nowner = \"bob\"\n";

fn text(value: &str) -> Setting {
    Setting::Text(value.to_owned())
}

#[test]
fn a_section_is_added_to_what_is_there() {
    let mut document = ConfigText::parse("# nothing yet\n").unwrap();
    let keys = Setting::Texts(vec!["one".to_owned(), "two".to_owned()]);
    document.set("client", "scanner", &[("owner", text("alice")), ("scram", keys)]).unwrap();
    let written = document.to_string();
    let expected = "[client.scanner]\nowner = \"alice\"\nscram = [\n    \"one\",\n    \"two\",\n]\n";
    assert!(written.contains(expected) && written.contains("# nothing yet"), "{written}");
    assert!(ConfigText::parse(&written).unwrap().has("client", "scanner"));
}

#[test]
fn a_key_is_replaced_and_the_rest_stays_as_it_is() {
    let mut document = ConfigText::parse(TEXT).unwrap();
    document.set("client", "scanner", &[("scram", text("new"))]).unwrap();
    assert_eq!(document.to_string(), TEXT.replace("\"old\"", "\"new\""));
}

#[test]
fn a_section_is_removed_with_its_comment() {
    let mut document = ConfigText::parse(TEXT).unwrap();
    assert!(document.has("client", "scanner") && !document.has("client", "laptop") && !document.has("listen", "x"));
    document.remove("client", "scanner");
    assert_eq!(document.to_string().trim_start(), "# Another.\n[client.camera]\nowner = \"bob\"\n");
    document.remove("client", "camera");
    assert!(document.is_empty());
    document.remove("client", "camera");
}

#[test]
fn sections_written_as_values_are_known_and_what_is_none_is_told() {
    let mut document = ConfigText::parse("client = { scanner = { owner = \"alice\" } }\n").unwrap();
    document.set("client", "scanner", &[("owner", text("bob"))]).unwrap();
    assert_eq!(document.to_string(), "client = { scanner = { owner = \"bob\" } }\n");
    let mut document = ConfigText::parse("client = 1\n").unwrap();
    let error = document.set("client", "scanner", &[]).unwrap_err();
    assert_eq!(error.to_string(), "`client` is not a section in it: write [client.NAME] above its keys");
    assert!(matches!(ConfigText::parse("client = "), Err(EditError::Syntax(_))));
}
