//! What the class of a log group leaves out, in AWS's words.
//!
//! Only settings are refused by class; reads of events are not (`docs/operating.md`, "Classes of log groups").

use catalog::LogGroup;
use wire::ApiError;
use wire::logs::errors::VALIDATION_EXCEPTION;

/// Refuses what only groups of class STANDARD have.
pub(super) fn check_standard(group: &LogGroup) -> Result<(), ApiError> {
    match group.class.as_str() {
        "STANDARD" => Ok(()),
        _ => Err(ApiError::new(&VALIDATION_EXCEPTION, "This operation is only supported on the Standard log class.")),
    }
}

/// Refuses what all groups have but those of class DELIVERY.
pub(super) fn check_not_delivery(group: &LogGroup) -> Result<(), ApiError> {
    match group.class.as_str() {
        "DELIVERY" => {
            Err(ApiError::new(&VALIDATION_EXCEPTION, "This operation is not supported for Delivery log class"))
        }
        _ => Ok(()),
    }
}

/// Whether who asks for groups of the class `asked` gets those of `class`: INFREQUENT_ACCESS and ESSENTIALS stand for both.
pub(super) fn is_asked(class: &str, asked: &str) -> bool {
    let is_infrequent = |class: &str| matches!(class, "INFREQUENT_ACCESS" | "ESSENTIALS");
    class == asked || (is_infrequent(class) && is_infrequent(asked))
}
