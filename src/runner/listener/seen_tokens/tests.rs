//! Tests of which submissions are the same.

use super::*;

#[test]
fn a_token_is_one_uids_and_once() {
    let tokens = SeenTokens::default();
    let id = MessageId::new(1, 2);
    assert_eq!(tokens.reserve(&Submitter::Local(1000), "T"), None);
    assert_eq!(tokens.reserve(&Submitter::Local(1000), "T"), Some(SubmissionState::BeingStored));
    assert_eq!(tokens.reserve(&Submitter::Local(1001), "T"), None);
    tokens.settle(&Submitter::Local(1000), "T", Some(SubmissionState::Raw(id.clone())));
    assert_eq!(tokens.reserve(&Submitter::Local(1000), "T"), Some(SubmissionState::Raw(id.clone())));
    assert_eq!(tokens.known(&Submitter::Local(1000), "T"), Known::Raw);
    tokens.remember(&Submitter::Local(1000), "T", &id);
    assert_eq!(tokens.known(&Submitter::Local(1000), "T"), Known::Stored);
    assert_eq!(tokens.reserve(&Submitter::Local(1000), "T"), Some(SubmissionState::Message(id)));
    tokens.settle(&Submitter::Local(1001), "T", None);
    assert_eq!(tokens.reserve(&Submitter::Local(1001), "T"), None);
}

#[test]
fn what_came_again_before_the_queue_was_read_is_the_message_that_is_there() {
    let tokens = SeenTokens::default();
    let [raw, queued] = [1, 2].map(|time| MessageId::new(time, 0));
    assert_eq!(
        [tokens.reserve(&Submitter::Local(1000), "RAW"), tokens.reserve(&Submitter::Local(1000), "BEING STORED")],
        [None, None]
    );
    tokens.settle(&Submitter::Local(1000), "RAW", Some(SubmissionState::Raw(raw.clone())));
    for token in ["RAW", "BEING STORED"] {
        tokens.remember(&Submitter::Local(1000), token, &queued);
        tokens.settle(&Submitter::Local(1000), token, Some(SubmissionState::Raw(raw.clone())));
        assert_eq!(tokens.known(&Submitter::Local(1000), token), Known::Stored, "{token}");
        assert_eq!(
            tokens.reserve(&Submitter::Local(1000), token),
            Some(SubmissionState::Message(queued.clone())),
            "{token}"
        );
    }
}
