//! What it means that a token endpoint grants no token (RFC 6749 section 5.2), and what mends it. Pure. Only an answer that is a
//! refusal by its status and by its code is one: gateways, limits and other trouble in front of an endpoint use JSON with `error` as
//! well, and mean neither the login nor the client.

use std::time::Duration;

/// What must happen before a token is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// The user agrees again.
    Login,
    /// The client is registered, or its secret is replaced.
    Client,
    /// What is asked for is corrected.
    Scope,
    /// Where or how it is asked for is corrected.
    Endpoints,
    /// Time.
    Time,
}

/// A service is left alone for at least so long where it asks for that at all, or a second would make a loop of requests.
const LEAST_WAIT: Duration = Duration::from_mins(1);
/// The same at most: what names more is a mistake.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// Codes of Microsoft's service that come with any `error`, `invalid_grant` included, and pass by themselves (its reference of
/// AADSTS codes, read in November 2026: "transient", "try again", "throttled", "unavailable").
const TRANSIENT: [u32; 17] = [
    40_010, 50_033, 50_087, 50_088, 50_166, 50_196, 51_005, 70_012, 70_016, 80_001, 80_002, 80_005, 80_014, 90_006,
    90_012, 90_024, 90_033,
];
/// Too many requests to one tenant, of whatever client.
const THROTTLED: u32 = 90_055;

/// What the answer of this status needs, with its `error` and `error_description`.
#[must_use]
pub fn needs(status: u16, code: &str, description: Option<&str>) -> Needs {
    let is_transient = |number: u32| TRANSIENT.contains(&number) || number == THROTTLED;
    if !matches!(status, 400 | 401) || description.and_then(microsofts).is_some_and(is_transient) {
        return Needs::Time;
    }
    match code {
        "invalid_grant"
        | "interaction_required"
        | "login_required"
        | "consent_required"
        | "account_selection_required"
        | "access_denied"
        | "expired_token" => Needs::Login,
        // The last two are Google's.
        "invalid_client" | "unauthorized_client" | "deleted_client" | "disabled_client" => Needs::Client,
        // RFC 8707; the last is Microsoft's.
        "invalid_scope" | "invalid_target" | "invalid_resource" => Needs::Scope,
        "invalid_request" | "unsupported_grant_type" | "unsupported_response_type" => Needs::Endpoints,
        _ => Needs::Time,
    }
}

/// How long a service is left alone that asks for so long.
#[must_use]
pub fn wait(named: Duration) -> Duration {
    named.clamp(LEAST_WAIT, LONGEST_WAIT)
}

/// The number in `AADSTS90033: ...`.
fn microsofts(description: &str) -> Option<u32> {
    let (_, behind) = description.split_once("AADSTS")?;
    let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
    behind[..digits].parse().ok()
}

#[cfg(test)]
mod tests;
