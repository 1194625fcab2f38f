//! What is read of odd answers.

use proptest::prelude::*;

use super::*;

#[test]
fn lifetimes_are_numbers_texts_or_missing() {
    let seconds = |text: &str| serde_json::from_str::<Seconds>(text).unwrap().duration();
    assert_eq!(seconds("3599"), Some(Duration::from_secs(3599)));
    assert_eq!(seconds("\"3600\""), Some(Duration::from_hours(1)));
    for none in ["-1", "0", "\"soon\"", "true", "null", "[1]", "1e300"] {
        assert_eq!(seconds(none), None, "{none}");
    }
}

#[test]
fn what_comes_before_a_fault_is_not_lost_and_the_last_of_two_counts() {
    let read = |text: &str| {
        let reply = Reply::read(text.as_bytes());
        (reply.access.map(|token| token.expose().to_owned()), reply.refresh.map(|token| token.expose().to_owned()))
    };
    let both = |access: &str, refresh: &str| (Some(access.to_owned()), Some(refresh.to_owned()));
    assert_eq!(read("{\"refresh_token\":\"R\",\"access_token\":\"A"), (None, Some("R".to_owned())));
    assert_eq!(read("{\"expires_in\":1e400,\"refresh_token\":\"R\",\"access_token\":\"A\"}"), both("A", "R"));
    assert_eq!(
        read("{\"access_token\":\"Z\",\"access_token\":\"A\",\"refresh_token\":\"R\",\"refresh_token\":null}"),
        both("A", "R")
    );
    for nothing in ["", "[]", "\"A\"", "<html>", "{\"access_token\":[\"A\"]}"] {
        assert_eq!(read(nothing), (None, None), "{nothing}");
    }
}

proptest! {
    #[test]
    fn nothing_that_an_endpoint_sends_is_a_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Reply::read(&body);
    }
}
