//! What makes two requests the same: SHA-256 of method, route, path and canonical body.

use overround_app::Error;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The request hash. `ids` are the values of the path in its order. The body counts in its canonical
/// form (RFC 8785), so that order of fields, spaces and spelling of characters make no difference.
///
/// # Errors
/// When the body has no canonical form; what JSON can say always has one.
pub fn request_hash(method: &str, route: &str, ids: &[String], body: &Value) -> Result<[u8; 32], Error> {
    let canonical = serde_json_canonicalizer::to_vec(body).map_err(Error::internal)?;
    let mut hash = Sha256::new();
    let texts = [method, route].into_iter().chain(ids.iter().map(String::as_str)).map(str::as_bytes);
    for part in texts.chain([canonical.as_slice()]) {
        // The length goes first, so that no two lists of parts run together to the same bytes.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Ok(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(route: &str, id: &str, body: &str) -> [u8; 32] {
        request_hash("POST", route, &[id.to_owned()], &serde_json::from_str(body).unwrap()).unwrap()
    }

    #[test]
    fn only_what_is_said_counts() {
        let first = hash("/a/{id}", "1", r#"{"a":1,"b":"é"}"#);
        assert_eq!(first, hash("/a/{id}", "1", "{ \"b\" : \"\\u00e9\", \"a\": 1 }"));
        let others = [
            hash("/b/{id}", "1", r#"{"a":1,"b":"é"}"#),
            hash("/a/{id}", "2", r#"{"a":1,"b":"é"}"#),
            hash("/a/{id}", "1", r#"{"a":2,"b":"é"}"#),
            hash("/a/{id}", "1", r#"{"a":1,"b":"é","c":null}"#),
        ];
        for other in others {
            assert_ne!(first, other);
        }
    }
}
