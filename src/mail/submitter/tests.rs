//! Names, and the one member that a submitter is in JSON.

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Holder {
    #[serde(flatten)]
    submitter: Submitter,
}

#[test]
fn a_name_is_fit_for_a_file_and_an_address() {
    for name in ["scanner", "nas-1", "Camera_2", "a.b", "7"] {
        assert_eq!(ClientName::parse(name).unwrap().to_string(), name);
    }
    let long = "x".repeat(65);
    for name in ["", ".hidden", "-x", "a/b", "a b", "a..b", "a.", "ü", "a@b", &long] {
        assert_eq!(ClientName::parse(name), Err(BadClientName), "{name}");
    }
}

#[test]
fn in_json_it_is_a_uid_or_a_client() {
    let text = |submitter| serde_json::to_string(&Holder { submitter }).unwrap();
    let scanner = Submitter::Client(ClientName::parse("scanner").unwrap());
    assert_eq!(text(Submitter::Local(1000)), r#"{"uid":1000}"#);
    assert_eq!(text(scanner.clone()), r#"{"client":"scanner"}"#);
    let read = |text: &str| serde_json::from_str::<Holder>(text).ok().map(|holder| holder.submitter);
    assert_eq!(read(r#"{"uid":0}"#), Some(Submitter::ROOT));
    assert_eq!(read(r#"{"client":"scanner"}"#), Some(scanner));
    for text in ["{}", r#"{"client":"../x"}"#, r#"{"uid":-1}"#, r#"{"uid":"scanner"}"#] {
        assert_eq!(read(text), None, "{text}");
    }
}
