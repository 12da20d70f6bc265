//! A document as a small tree of elements with their attributes. The feed has no text between them.

use super::error::Error;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

const BYTE_ORDER_MARK: char = '\u{feff}';
/// The deepest nesting taken for real; messages have five levels.
const DEPTH_MAX: usize = 16;
/// The most attributes of an element taken for real; they have a dozen.
const ATTRIBUTES_MAX: usize = 64;
/// How much of a wrong text is shown.
const SHOWN_CHARS: usize = 40;
/// How much of a parser's reason is kept; it may quote the document.
const REASON_CHARS_MAX: usize = 200;

/// An element.
#[derive(Debug)]
pub(super) struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Self>,
}

impl Element {
    /// Reads a document: one root element, complete, without entities of its own.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let mut reader = Reader::from_str(text.trim_start_matches(BYTE_ORDER_MARK));
        let mut open: Vec<Self> = Vec::new();
        let mut root = None;
        loop {
            let closed = match reader.read_event().map_err(malformed)? {
                Event::Start(start) => {
                    if open.len() == DEPTH_MAX {
                        return Err(malformed("it is nested too deep"));
                    }
                    open.push(Self::begin(&start)?);
                    continue;
                }
                Event::Empty(start) => Self::begin(&start)?,
                Event::End(_) => open.pop().ok_or_else(|| malformed("an element ends that never began"))?,
                Event::DocType(_) | Event::GeneralRef(_) => return Err(Error::Entities),
                Event::Eof if open.is_empty() => return root.ok_or_else(|| malformed("it has no element")),
                Event::Eof => return Err(malformed("it is cut off")),
                Event::Text(text) if text.trim_ascii().is_empty() => continue,
                Event::Text(_) | Event::CData(_) => return Err(malformed("it has text")),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => continue,
            };
            match open.last_mut() {
                Some(parent) => parent.children.push(closed),
                None if root.is_some() => return Err(malformed("it has two roots")),
                None => root = Some(closed),
            }
        }
    }

    fn begin(start: &BytesStart<'_>) -> Result<Self, Error> {
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            if attributes.len() == ATTRIBUTES_MAX {
                return Err(malformed("an element has too many attributes"));
            }
            let attribute = attribute.map_err(malformed)?;
            // Only the five entities that XML itself has are known.
            let value = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(|_| Error::Entities)?;
            attributes.push((attribute.key.into_inner().to_owned(), value.into_owned()));
        }
        Ok(Self { name: start.name().into_inner().to_owned(), attributes, children: Vec::new() })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The value of an attribute. An empty one is as good as none.
    pub(super) fn get(&self, attribute: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(name, _)| name == attribute);
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// The children of a name, in their order.
    pub(super) fn all<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The value of an attribute that must be there.
    pub(super) fn required(&self, element: &'static str, attribute: &'static str) -> Result<&str, Error> {
        self.get(attribute).ok_or(Error::Missing { element, attribute })
    }

    /// An attribute read by `read`, which knows what it may be; none where it is not given.
    pub(super) fn read<T>(
        &self,
        element: &'static str,
        attribute: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.get(attribute) else { return Ok(None) };
        let wrong = || Error::Attribute { element, attribute, value: shown(value) };
        read(value).map(Some).ok_or_else(wrong)
    }
}

/// The beginning of a text from outside, fit to be shown.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}

fn malformed(reason: impl ToString) -> Error {
    Error::Malformed { reason: reason.to_string().chars().take(REASON_CHARS_MAX).collect() }
}
