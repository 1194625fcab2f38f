//! The form in which addresses, logins and table keys are compared.

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
