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
fn what_a_blank_line_sets_apart_stays_where_a_section_is_removed() {
    let removed = |text: &str, name: &str| {
        let mut document = ConfigText::parse(text).unwrap();
        document.remove("client", name);
        document.to_string()
    };
    let camera = "# Ours.\n[client.camera]\nowner = \"bob\"\n";
    let first = format!("# Licence.\n\n# [client.old]\n# owner = \"x\"\n\n{camera}");
    let licence = "# Licence.\n\n# [client.old]\n# owner = \"x\"\n";
    assert_eq!(removed(&first, "camera"), licence);
    assert_eq!(removed(&format!("{first}[queue]\n"), "camera"), format!("{licence}\n[queue]\n"));
    assert_eq!(
        removed(&format!("{first}\n# Q.\n[queue]\n# end\n"), "camera"),
        format!("{licence}\n# Q.\n[queue]\n# end\n")
    );
    let between = format!("[account.a]\nhost = \"h\"\n\n# A note.\n\n{camera}\n# The end.\n");
    assert_eq!(removed(&between, "camera"), "[account.a]\nhost = \"h\"\n\n# A note.\n\n# The end.\n");
    let with_parent = "# Licence.\n\n# Clients.\n[client]\n\n# Why.\n\n[client.a]\n";
    assert_eq!(removed(with_parent, "a"), "# Licence.\n\n# Why.\n");
    let dotted = "# Licence.\n\n# Scans.\nclient.a.owner = \"x\"\nclient.a.from = \"y\"\n[queue]\n";
    assert_eq!(removed(dotted, "a"), "# Licence.\n\n[queue]\n");
}

#[test]
fn a_new_section_goes_below_the_first_lines_and_the_last() {
    let added = |before: &str| {
        let mut document = ConfigText::parse(before).unwrap();
        document.set("client", "b", &[("owner", text("bob"))]).unwrap();
        document.to_string()
    };
    let section = "[client.b]\nowner = \"bob\"\n";
    for before in ["", "# first\n\n", "client.a.owner = \"x\"\n\n# last\n\n", "[client.a]\n[queue]\n# last\n\n"] {
        assert_eq!(added(before), format!("{before}{section}"));
    }
    assert_eq!(added("[queue]\n"), format!("[queue]\n\n{section}"));
}

#[test]
fn comments_of_a_key_and_the_ends_of_lines_stay() {
    let before = "[client.a]\n# made on Monday\nscram = [\"old\"] # of the scanner\nowner = \"bob\"\n";
    for before in [before.to_owned(), before.replace('\n', "\r\n")] {
        let mut document = ConfigText::parse(&before).unwrap();
        document.set("client", "a", &[("scram", Setting::Texts(vec!["new".to_owned()]))]).unwrap();
        assert_eq!(document.to_string(), before.replace("old", "new"));
    }
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

#[test]
fn a_key_is_taken_out_with_its_own_comment_and_not_with_one_that_a_blank_line_sets_apart() {
    let without = |text: &str, key: &str| {
        let mut text = ConfigText::parse(text).unwrap();
        text.remove_key("account", "a", key);
        text.to_string()
    };
    let text =
        "[account.a]\n# Of the office.\n\n# STARTTLS only.\ntls = \"starttls\" # here\nrelay = \"mail.example.org\"\n";
    assert_eq!(without(text, "tls"), "[account.a]\n# Of the office.\n\nrelay = \"mail.example.org\"\n");
    let text = "[account.a]\nrelay = \"mail.example.org\"\n# Of the office.\n\n# Its own.\ntls = \"starttls\"\n\n[queue]\nlifetime = \"1d\"\n";
    assert_eq!(
        without(text, "tls"),
        "[account.a]\nrelay = \"mail.example.org\"\n# Of the office.\n\n[queue]\nlifetime = \"1d\"\n"
    );
    assert_eq!(without(text, "username"), text);
}
