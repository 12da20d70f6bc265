//! A price provider over HTTP: `GET URL/KEY` answers `{"age_ms": 120, "market": {...}}`, the market's complete state
//! as [`SourceMarket`] has it, or 404 for a market that it does not know. A login in the URL is sent as HTTP's basic
//! authentication.

use overround_domain::markets::{PriceProvider, ProviderError, SourceMarket, Telling, Told};
use reqwest::{Client, StatusCode, Url, redirect};
use serde::Deserialize;
use std::fmt;
use std::time::Duration;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_millis(1_500);
/// The largest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// A provider of one producer's markets.
pub struct HttpPriceProvider {
    producer: String,
    url: Url,
    client: Client,
}

/// The URL may carry a password.
impl fmt::Debug for HttpPriceProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpPriceProvider").field("producer", &self.producer).finish_non_exhaustive()
    }
}

/// What a provider answers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    age_ms: u32,
    market: SourceMarket,
}

impl HttpPriceProvider {
    /// The provider at `url`, of this producer's markets.
    ///
    /// # Errors
    /// When the address is none of HTTP's, or no client can be made; what is wrong.
    pub fn new(url: &str, producer: &str) -> Result<Self, String> {
        // The address may hold a password, and is not repeated.
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
            return Err("it is no address of HTTP".to_owned());
        }
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { producer: producer.to_owned(), url, client })
    }

    async fn ask(&self, key: &str) -> Result<Option<Told>, ProviderError> {
        let away = |error: reqwest::Error| ProviderError::Away(error.without_url().to_string());
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(key);
        }
        let mut answer = self.client.get(url).send().await.map_err(away)?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !answer.status().is_success() {
            return Err(ProviderError::Away(format!("it answers {}", answer.status())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(away)? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_BYTES_MAX {
                return Err(unusable(key, format!("it is larger than {ANSWER_BYTES_MAX} bytes")));
            }
        }
        let Answer { age_ms, market } =
            serde_json::from_slice(&body).map_err(|error| unusable(key, error.to_string()))?;
        if market.key != key {
            return Err(unusable(key, format!("it is about {}", market.key)));
        }
        Ok(Some(Told { market, age_ms: i64::from(age_ms) }))
    }
}

fn unusable(key: &str, detail: String) -> ProviderError {
    ProviderError::Unusable { key: key.to_owned(), detail }
}

impl PriceProvider for HttpPriceProvider {
    fn producer(&self) -> &str {
        &self.producer
    }

    fn told<'a>(&'a self, key: &'a str) -> Telling<'a> {
        Box::pin(self.ask(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A server that gives one answer, and what it was asked.
    async fn answering(answer: String) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://:s3cret@{}/prices/", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4096];
            let read = socket.read(&mut asked).await.unwrap();
            // Who has read enough hangs up.
            drop(socket.write_all(answer.as_bytes()).await);
            String::from_utf8_lossy(&asked[..read]).into_owned()
        });
        (url, served)
    }

    fn ok(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }

    fn market(key: &str, price: &str) -> String {
        let outcome = |position: u32| {
            format!(
                r#"{{"key":"{position}","name":"{position}","line":null,"pair":null,"position":{position},
                "status":"ACTIVE","best_back":{price},"won":null}}"#
            )
        };
        format!(
            r#"{{"age_ms":120,"market":{{"key":"{key}","event":{{"key":"e","name":"A v B","sport":"tennis","starts_at":null}},
            "market_type":"MATCH_ODDS","name":"Match Odds","kind":"ODDS","number_of_winners":1,"tie_rule":"DEAD_HEAT",
            "status":"OPEN","in_play":false,"bet_delay_ms":0,"outcomes":[{},{}]}}}}"#,
            outcome(0),
            outcome(1)
        )
    }

    #[tokio::test]
    async fn a_market_is_asked_for_by_its_key_and_the_login() {
        let (url, served) = answering(ok(&market("1.23/4", r#"{"num":2,"den":1}"#))).await;
        let provider = HttpPriceProvider::new(&url, "them").unwrap();
        let told = provider.told("1.23/4").await.unwrap().unwrap();
        assert_eq!((told.age_ms, told.market.key.as_str(), told.market.outcomes.len()), (120, "1.23/4", 2));
        let asked = served.await.unwrap();
        assert!(asked.starts_with("GET /prices/1.23%2F4 HTTP/1.1"), "{asked}");
        assert!(asked.contains("authorization: Basic OnMzY3JldA=="), "{asked}");
        assert!(!format!("{provider:?}").contains("cret"));
    }

    #[tokio::test]
    async fn what_is_no_market_is_said_so_and_never_sold() {
        let huge = ok(&" ".repeat(ANSWER_BYTES_MAX + 1));
        let price = |price: &str| ok(&market("m", price));
        let cases = [
            ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(), "unknown"),
            ("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n".to_owned(), "away"),
            (
                "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n".to_owned(),
                "away",
            ),
            ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_owned(), "away"),
            (String::new(), "away"),
            (ok("{"), "unusable"),
            (ok("{}"), "unusable"),
            (ok(&market("another", r#"{"num":2,"den":1}"#)), "unusable"),
            (ok(&market("m", r#"{"num":2,"den":1}"#).replace("120", "-1")), "unusable"),
            (huge, "unusable"),
            (price(r#"{"num":0,"den":1}"#), "unusable"),
            (price(r#"{"num":1,"den":1}"#), "unusable"),
            (price(r#"{"num":-2,"den":1}"#), "unusable"),
            (price("NaN"), "unusable"),
        ];
        for (answer, expected) in cases {
            let shown: String = answer.chars().take(200).collect();
            let (url, _served) = answering(answer).await;
            let told = HttpPriceProvider::new(&url, "them").unwrap().told("m").await;
            let came = match &told {
                Ok(None) => "unknown",
                Ok(Some(_)) => "a market",
                Err(ProviderError::Away(_)) => "away",
                Err(ProviderError::Unusable { .. }) => "unusable",
            };
            assert_eq!(came, expected, "{told:?} by {shown}");
            assert!(!format!("{told:?}").contains("cret"));
        }
    }

    #[test]
    fn only_addresses_of_http_are_taken() {
        for bad in ["", "prices", "ftp://them/", "data:,x"] {
            assert!(HttpPriceProvider::new(bad, "them").is_err(), "{bad}");
        }
    }
}
