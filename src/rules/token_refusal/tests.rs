//! Answers of real services, and what they need.

use super::*;

#[test]
fn what_an_answer_needs_is_what_its_service_means() {
    for (status, code, description, wanted) in [
        (400, "invalid_grant", Some("Token has been expired or revoked."), Needs::Login),
        (400, "invalid_grant", Some("AADSTS700082: The refresh token has expired due to inactivity."), Needs::Login),
        (
            400,
            "invalid_grant",
            Some("AADSTS50173: The provided grant has expired due to it being revoked"),
            Needs::Login,
        ),
        (400, "invalid_grant", Some("AADSTS50034: The user account does not exist in the directory."), Needs::Login),
        (400, "interaction_required", Some("AADSTS50076: you must use multi-factor authentication"), Needs::Login),
        (400, "invalid_grant", Some("AADSTS90033: A transient error has occurred. Please try again."), Needs::Time),
        (400, "invalid_grant", Some("AADSTS50196: The server terminated an operation"), Needs::Time),
        (400, "invalid_request", Some("AADSTS90055: Too many requests."), Needs::Time),
        (400, "authorization_pending", Some("AADSTS70016: pending"), Needs::Time),
        // Another code that begins like one of those.
        (400, "invalid_request", Some("AADSTS900236: not supported"), Needs::Endpoints),
        (400, "invalid_request", Some("AADSTS"), Needs::Endpoints),
        (401, "invalid_client", Some("AADSTS7000222: The provided client secret keys are expired."), Needs::Client),
        (401, "deleted_client", None, Needs::Client),
        (400, "unauthorized_client", None, Needs::Client),
        (400, "invalid_scope", None, Needs::Scope),
        (400, "unsupported_grant_type", None, Needs::Endpoints),
        (400, "server_error", None, Needs::Time),
        (400, "", None, Needs::Time),
        (403, "access_denied", None, Needs::Time),
        (404, "invalid_grant", None, Needs::Time),
        (429, "invalid_client", None, Needs::Time),
        (503, "invalid_grant", None, Needs::Time),
    ] {
        assert_eq!(needs(status, code, description), wanted, "{status} {code} {description:?}");
    }
}
