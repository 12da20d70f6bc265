//! What can be wrong with a message.

use super::parse::MESSAGE_BYTES_MAX;

/// Why a message was refused. Nothing of it is applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It was not read at all.
    #[error("the message has {bytes} bytes, more than {MESSAGE_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It is cut off, not UTF-8, or no XML.
    #[error("the message is not well-formed: {reason}")]
    Malformed {
        /// What is wrong, and where.
        reason: String,
    },
    /// It has a document type or an entity of its own, which no message of the feed has.
    #[error("the message declares or uses entities")]
    Entities,
    /// The root element is no message of the feed.
    #[error("{name:?} is no message of the feed")]
    Unknown {
        /// The element's name, cut.
        name: String,
    },
    /// An attribute that the message cannot be understood without.
    #[error("<{element}> lacks {attribute}")]
    Missing {
        /// The element.
        element: &'static str,
        /// Its attribute.
        attribute: &'static str,
    },
    /// An attribute that cannot be what it says.
    #[error("{attribute}={value:?} in <{element}> is out of range")]
    Attribute {
        /// The element.
        element: &'static str,
        /// Its attribute.
        attribute: &'static str,
        /// Its value, cut.
        value: String,
    },
}
