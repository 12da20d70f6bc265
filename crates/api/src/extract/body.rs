//! Bodies, JSON for the most part.

use super::query::field_after;
use crate::observe::Deadline;
use crate::problem::{
    BODY_TOO_LARGE, FieldError, INVALID_BODY, Problem, REQUEST_TIMEOUT, UNSUPPORTED_MEDIA_TYPE,
};
use axum::body::{Body, Bytes};
use bytes::BytesMut;
use futures::StreamExt;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};
use tokio::time::timeout_at;

/// Refuses a body that is not declared to be JSON in UTF-8.
pub fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    let declared = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = declared.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let in_utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    if is_json && in_utf8 {
        return Ok(());
    }
    Err(Problem::new(UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json (in UTF-8)"))
}

/// Reads a body of at most `bytes_max`, until the request's deadline. One that is larger is read on to `read_bytes_max`, and
/// thrown away: who is answered while still sending often sees a broken connection instead of the answer.
pub async fn read(
    content: Body,
    bytes_max: usize,
    read_bytes_max: usize,
    deadline: Deadline,
) -> Result<Bytes, Problem> {
    let (mut body, mut read) = (BytesMut::new(), 0_usize);
    let mut parts = content.into_data_stream();
    while read <= read_bytes_max {
        match timeout_at(deadline.0, parts.next()).await {
            Ok(Some(Ok(part))) => {
                read = read.saturating_add(part.len());
                if read <= bytes_max {
                    body.extend_from_slice(&part);
                }
            }
            Ok(Some(Err(_))) => return Err(Problem::new(INVALID_BODY, "the body broke off")),
            Ok(None) => break,
            Err(_) => return Err(Problem::new(REQUEST_TIMEOUT, "the body did not arrive in time")),
        }
    }
    if read > bytes_max {
        return Err(Problem::new(BODY_TOO_LARGE, format!("a body has at most {bytes_max} bytes")));
    }
    Ok(body.freeze())
}

/// The body as what the route takes, and as plain JSON.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, Value), Problem> {
    let typed = serde_json::from_slice(bytes).map_err(|error| wrong_at::<T>(bytes, &error));
    let typed = typed.map_err(|error| Problem::invalid(INVALID_BODY, error))?;
    let plain = serde_json::from_slice(bytes)
        .map_err(|error| Problem::invalid(INVALID_BODY, field_error(String::new(), &error)))?;
    Ok((typed, plain))
}

/// Where in a body the error is. To keep track of the place costs more than to read, so it is read once more.
fn wrong_at<T: DeserializeOwned>(bytes: &[u8], error: &serde_json::Error) -> FieldError {
    match serde_path_to_error::deserialize::<_, T>(&mut serde_json::Deserializer::from_slice(bytes)) {
        Err(placed) => field_error(pointer(placed.path()), &placed.into_inner()),
        // It is in what follows the value.
        Ok(_) => field_error(String::new(), error),
    }
}

/// What serde says, at the place it means: a missing field is its own place.
fn field_error(pointer: String, error: &serde_json::Error) -> FieldError {
    let text = error.to_string();
    // Serde adds the place in the text, which a pointer says better unless the text is no JSON.
    let message = match text.rsplit_once(" at line ") {
        Some((message, _)) if error.is_data() => message,
        _ => text.as_str(),
    };
    if field_after("unknown field", message).is_some() {
        return FieldError::at(pointer, "there is no such field here");
    }
    // Of these serde's path names only the object that they belong to.
    let own = [("missing field", "it is missing"), ("duplicate field", "it is given more than once")];
    let named = own.iter().find_map(|(says, detail)| Some((field_after(says, message)?, *detail)));
    match named {
        Some((name, detail)) => FieldError::at(format!("{pointer}/{}", escape(name)), detail),
        None => FieldError::at(pointer, message),
    }
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A path as a JSON pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", escape(key))),
            Segment::Enum { variant } => pointer.push_str(&format!("/{}", escape(variant))),
            Segment::Unknown => {}
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::bets::PlaceBet;
    use crate::wire::markets::SettleMarket;

    const MARKET: &str = "mkt_1C4KqX7YvQe3Jm9TzR5bNd";
    const OUTCOME: &str = "out_1C4KqX7YvQe3Jm9TzR5bNd";

    fn place_of<T: DeserializeOwned>(text: &str) -> (String, String) {
        let error = serde_path_to_error::deserialize::<_, T>(&mut serde_json::Deserializer::from_str(text))
            .err()
            .unwrap_or_else(|| panic!("taken: {text}"));
        let found = field_error(pointer(error.path()), &error.into_inner());
        (found.pointer.unwrap_or_default(), found.detail)
    }

    fn leg(more: &str) -> String {
        format!(
            r#"{{"stake_cents":5,"currency":"EUR","legs":[{{"market_id":"{MARKET}","outcome_id":"{OUTCOME}",{more}}}]}}"#
        )
    }

    #[test]
    fn what_is_wrong_with_a_bet_is_named_by_its_place() {
        let fine = r#""price":{"num":2,"den":1},"market_version":1"#;
        parse::<PlaceBet>(leg(fine).as_bytes()).map(|_| ()).unwrap();
        let table = [
            ("[]".to_owned(), ""),
            ("{".to_owned(), ""),
            (r#"{"stake_cents":5.0}"#.to_owned(), "/stake_cents"),
            (r#"{"stake_cents":1e3}"#.to_owned(), "/stake_cents"),
            (r#"{"stake_cents":0}"#.to_owned(), "/stake_cents"),
            (r#"{"stake_cents":5,"currency":"eur"}"#.to_owned(), "/currency"),
            (r#"{"stake_cents":5,"currency":"EUR"}"#.to_owned(), "/legs"),
            (r#"{"stake_cents":5,"currency":"EUR","legs":[]}"#.to_owned(), "/legs"),
            (r#"{"stake_cents":5,"stake":5}"#.to_owned(), "/stake"),
            (r#"{"stake_cents":5,"stake_cents":5}"#.to_owned(), "/stake_cents"),
            (r#"{"a/b~c":5}"#.to_owned(), "/a~1b~0c"),
            (r#"{"price_policy":"WITHIN_101"}"#.to_owned(), "/price_policy"),
            (r#"{"legs":[{"market_id":"bet_1C4KqX7YvQe3Jm9TzR5bNd"}]}"#.to_owned(), "/legs/0/market_id"),
            (leg(r#""price":{"num":1,"den":1},"market_version":1"#), "/legs/0/price"),
            (leg(r#""price":{"num":1,"den":1,"price":1},"market_version":1"#), "/legs/0/price/price"),
            (leg(r#""price":{"num":-1,"den":1},"market_version":1"#), "/legs/0/price/num"),
            (leg(r#""price":{"num":2,"den":1}"#), "/legs/0/market_version"),
            (leg(r#""price":{"num":2,"den":1},"market_version":0"#), "/legs/0/market_version"),
            (leg(&format!(r#"{fine},"line":"0.3""#)), "/legs/0/line"),
            (leg(&format!(r#"{fine},"leg_type":"straight""#)), "/legs/0/leg_type"),
            (leg(&format!(r#"{fine},"attrs":{{"a":"\u0000"}}"#)), "/legs/0/attrs"),
            (leg(&format!(r#"{fine},"odds":2"#)), "/legs/0/odds"),
        ];
        for (text, wanted) in table {
            let (place, detail) = place_of::<PlaceBet>(&text);
            assert_eq!(place, wanted, "{text}: {detail}");
            assert!(!detail.is_empty(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_result_is_named_by_its_place() {
        let one =
            |more: &str| format!(r#"{{"reason":"x","outcomes":[{{"outcome_id":"{OUTCOME}",{more}}}]}}"#);
        parse::<SettleMarket>(one(r#""result":"WON","dead_heat":{"num":1,"den":2}"#).as_bytes())
            .map(|_| ())
            .unwrap();
        let table = [
            (one(r#""result":"DRAWN""#), "/outcomes/0/result"),
            (one(r#""result":"LOST","dead_heat":{"num":1,"den":2}"#), "/outcomes"),
            (one(r#""result":"WON","dead_heat":{"num":3,"den":2}"#), "/outcomes"),
            (one(r#""result":"WON","dead_heat":{"num":0,"den":2}"#), "/outcomes"),
            (r#"{"reason":"x","outcomes":[]}"#.to_owned(), "/outcomes"),
            (r#"{"reason":""}"#.to_owned(), "/reason"),
        ];
        for (text, wanted) in table {
            let (place, detail) = place_of::<SettleMarket>(&text);
            assert_eq!(place, wanted, "{text}: {detail}");
        }
    }

    #[test]
    fn only_json_in_utf8_is_json() {
        let table = [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json; charset=\"utf-8\"", true),
            ("application/json; charset=latin1", false),
            ("text/json", false),
            ("application/json-patch+json", false),
            ("", false),
        ];
        for (declared, taken) in table {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, declared.parse().unwrap());
            assert_eq!(check_content_type(&headers).is_ok(), taken, "{declared}");
        }
        assert!(check_content_type(&HeaderMap::new()).is_err(), "none declared");
    }
}
