//! Enumerations whose values are stored and sent as words, spelled in one place.

/// A text that names none of an enumeration's values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no {kind}: expected one of {expected}")]
pub struct UnknownName {
    /// What was to be read, such as `AccountKind`.
    pub kind: &'static str,
    /// What stood there, cut to a sane length.
    pub found: String,
    /// The names there are.
    pub expected: String,
}

impl UnknownName {
    pub(crate) fn new(kind: &'static str, found: &str, expected: &[&str]) -> Self {
        Self { kind, found: found.chars().take(40).collect(), expected: expected.join(", ") }
    }
}

/// An enumeration with one spelling for SQL, JSON and people: `as_str`, `Display`, `FromStr` and serde
/// agree, and `ALL` lists the values in the order they stand in.
macro_rules! stored_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The value as it is stored and sent.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err($crate::UnknownName::new(stringify!($name), text, &[$($text),*])),
                }
            }
        }
    };
}

#[cfg(test)]
mod tests;
