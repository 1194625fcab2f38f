//! The forms in which logins and table keys are looked up, and in which addresses are the same.

use std::borrow::Cow;

use unicase::UniCase;

/// The text without differences of case, by full case folding (Unicode Standard, section 3.13), as Postfix folds keys: `STRASSE` and
/// `straße` become one, and so do both forms of the small sigma, which lower-casing alone keeps apart.
#[must_use]
pub fn fold_case(text: &str) -> Cow<'_, str> {
    if !text.is_ascii() {
        Cow::Owned(UniCase::unicode(text).to_folded_case())
    } else if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// The text in small letters, sigma in one form: nothing becomes equal that differs in more than capitals. Full case folding makes
/// `faß` and `fass` one, which are two names: whoever drops doubles by it drops a recipient.
#[must_use]
pub fn small_letters(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}
