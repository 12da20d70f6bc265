//! Tokens and key sets, good and bad, without a database.

use super::*;
use crate::Environment;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use http::StatusCode;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "overround";

fn settings() -> ApiSettings {
    ApiSettings { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned(), ..ApiSettings::default() }
}

fn local() -> LocalIssuer {
    LocalIssuer::generate(Environment::Development, ISSUER, AUDIENCE).unwrap()
}

fn good_claims() -> Value {
    let now = Utc::now().timestamp();
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": now + 600, "roles": ["player"]})
}

fn headers(authorization: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, authorization.parse().unwrap());
    headers
}

async fn check(auth: &Auth, token: &str) -> Result<Caller, Problem> {
    auth.authenticate(&headers(&format!("Bearer {token}"))).await
}

#[tokio::test]
async fn a_good_token_names_its_caller() {
    let issuer = local();
    let auth = Auth::new(&settings(), Keys::Local(issuer.clone())).unwrap();
    let token = issuer.sign("alice", &[Role::Player, Role::Trader], 60, Utc::now().into()).unwrap();
    let caller = check(&auth, &token).await.unwrap();
    assert_eq!(caller.user_id(), user_id_of(ISSUER, "alice"));
    assert!(
        caller.has_any(&[Role::Trader]) && caller.has_any(&[Role::Player]) && !caller.has_any(&[Role::Admin])
    );
    auth.authenticate(&headers(&format!("bEARER {token}"))).await.unwrap();
}

#[tokio::test]
async fn what_is_remembered_ends_with_its_time_and_its_key() {
    let issuer = local();
    let auth = Auth::new(&settings(), Keys::Local(issuer.clone())).unwrap();
    let mut claims = good_claims();
    let good = issuer.sign_claims(&claims).unwrap();
    let caller = check(&auth, &good).await.unwrap();
    assert_eq!(check(&auth, &good).await.unwrap().user_id(), caller.user_id());
    assert_eq!(auth.inner.verified.len(), 1);
    // The same token with another signature is another token.
    check(&auth, &format!("{good}AA")).await.unwrap_err();
    let now_s = Utc::now().timestamp().unsigned_abs();
    claims["exp"] = json!(now_s - 600);
    let late = issuer.sign_claims(&claims).unwrap();
    let kid = issuer.jwks()["keys"][0]["kid"].as_str().unwrap().to_owned();
    for (token, kid, expires_at_s) in [(&late, kid.as_str(), now_s - 600), (&good, "withdrawn", now_s + 600)]
    {
        let remembered = Verified { caller: caller.clone(), kid: kid.into(), expires_at_s };
        auth.inner.verified.insert(Sha256::digest(token).into(), remembered);
        check(&auth, token).await.unwrap_err();
    }
}

/// Claims that hold or do not: what is changed, to what (null takes it away), whether it is taken.
#[tokio::test]
async fn every_claim_is_checked() {
    let issuer = local();
    let auth = Auth::new(&settings(), Keys::Local(issuer.clone())).unwrap();
    let now = Utc::now().timestamp();
    let table = [
        ("aud", json!([AUDIENCE, "others"]), true),
        ("roles", json!(["player", "emperor"]), true),
        ("roles", Value::Null, true),
        ("nbf", json!(now), true),
        ("exp", json!(now - 10), true),
        ("exp", json!(now - 60), false),
        ("exp", json!("tomorrow"), false),
        ("exp", json!(-1), false),
        ("exp", Value::Null, false),
        ("nbf", json!(now + 600), false),
        ("iss", json!("https://id.example/"), false),
        ("iss", Value::Null, false),
        ("aud", json!("others"), false),
        ("aud", json!([]), false),
        ("aud", Value::Null, false),
        ("sub", json!(""), false),
        ("sub", json!("x".repeat(256)), false),
        ("sub", json!(7), false),
        ("sub", Value::Null, false),
        ("roles", json!("admin"), false),
    ];
    for (name, value, taken) in table {
        let mut claims = good_claims();
        let fields = claims.as_object_mut().unwrap();
        if value.is_null() {
            fields.remove(name)
        } else {
            fields.insert(name.to_owned(), value.clone())
        };
        let token = issuer.sign_claims(&claims).unwrap();
        assert_eq!(check(&auth, &token).await.is_ok(), taken, "{name}: {value}");
    }
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let (issuer, other) = (local(), local());
    let auth = Auth::new(&settings(), Keys::Local(issuer.clone())).unwrap();
    let good = issuer.sign_claims(&good_claims()).unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let encoded = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let kid = issuer.jwks()["keys"][0]["kid"].clone();
    let public = issuer.jwks()["keys"][0]["x"].as_str().map(|x| URL_SAFE_NO_PAD.decode(x).unwrap()).unwrap();
    let mut hmac = Header::new(Algorithm::HS256);
    hmac.kid = kid.as_str().map(str::to_owned);
    let with_public_key =
        jsonwebtoken::encode(&hmac, &good_claims(), &EncodingKey::from_secret(&public)).unwrap();
    let mut claims = good_claims();
    claims["roles"] = json!(["admin"]);
    let forged = [
        format!("{}.{}.", encoded(json!({"alg": "none", "kid": kid})), parts[1]),
        format!("{}.{}.{}", encoded(json!({"alg": "EdDSA"})), parts[1], parts[2]),
        format!(
            "{}.{}.{}",
            encoded(json!({"alg": "EdDSA", "kid": kid, "crit": ["b64"]})),
            parts[1],
            parts[2]
        ),
        format!("{}.{}.{}", parts[0], encoded(claims), parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode([0; 64])),
        format!("{}.{}.", parts[0], parts[1]),
        other.sign_claims(&good_claims()).unwrap(),
        with_public_key,
        "x".repeat(TOKEN_BYTES_MAX + 1),
        String::new(),
    ];
    for token in forged {
        assert!(check(&auth, &token).await.is_err(), "{token}");
    }
    let mut twice = headers(&format!("Bearer {good}"));
    twice.append(AUTHORIZATION, format!("Bearer {good}").parse().unwrap());
    assert!(auth.authenticate(&twice).await.is_err(), "two headers");
    assert!(auth.authenticate(&headers(&good)).await.is_err(), "no scheme");
    check(&auth, &good).await.unwrap();
}

/// An identity provider that counts how often it is asked.
struct Provider {
    url: String,
    set: Arc<Mutex<(StatusCode, Value)>>,
    asked: Arc<AtomicUsize>,
}

impl Provider {
    async fn start(set: Value) -> Self {
        let set = Arc::new(Mutex::new((StatusCode::OK, set)));
        let asked = Arc::new(AtomicUsize::new(0));
        let (shown, counted) = (set.clone(), asked.clone());
        let answer = get(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let (status, set) = shown.lock().unwrap().clone();
            async move { (status, axum::Json(set)) }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().route("/keys", answer)).await });
        Self { url, set, asked }
    }

    fn show(&self, status: StatusCode, set: Value) {
        *self.set.lock().unwrap() = (status, set);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn auth(&self) -> Auth {
        Auth::new(&settings(), Keys::Jwks { url: self.url.clone() }).unwrap()
    }
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_when_they_rotate() {
    let (old, new, newest) = (local(), local(), local());
    let provider = Provider::start(old.jwks()).await;
    let auth = provider.auth();
    for _ in 0..3 {
        check(&auth, &old.sign_claims(&good_claims()).unwrap()).await.unwrap();
    }
    assert_eq!(provider.asked(), 1, "known keys are not asked for");
    provider.show(StatusCode::OK, new.jwks());
    check(&auth, &new.sign_claims(&good_claims()).unwrap()).await.unwrap();
    assert_eq!(provider.asked(), 2, "an unknown key is asked for");
    assert!(check(&auth, &old.sign_claims(&good_claims()).unwrap()).await.is_err(), "the old one is gone");
    // Rotated again at once: unknown keys make no storm of requests.
    provider.show(StatusCode::OK, newest.jwks());
    for _ in 0..5 {
        assert!(check(&auth, &newest.sign_claims(&good_claims()).unwrap()).await.is_err());
    }
    assert_eq!(provider.asked(), 2);
    check(&auth, &new.sign_claims(&good_claims()).unwrap()).await.unwrap();
}

#[tokio::test]
async fn many_first_requests_fetch_once() {
    let issuer = local();
    let provider = Provider::start(issuer.jwks()).await;
    let auth = provider.auth();
    let token = issuer.sign_claims(&good_claims()).unwrap();
    let asks: Vec<_> = (0..20)
        .map(|_| {
            let (auth, token) = (auth.clone(), token.clone());
            tokio::spawn(async move { check(&auth, &token).await.is_ok() })
        })
        .collect();
    for ask in asks {
        assert!(ask.await.unwrap());
    }
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn a_provider_that_is_away_is_no_fault_of_the_caller() {
    let issuer = local();
    let provider = Provider::start(issuer.jwks()).await;
    provider.show(StatusCode::INTERNAL_SERVER_ERROR, json!({}));
    let auth = provider.auth();
    for _ in 0..3 {
        let problem = check(&auth, &issuer.sign_claims(&good_claims()).unwrap()).await.unwrap_err();
        let status = axum::response::IntoResponse::into_response(problem).status();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(provider.asked(), 1, "it is given time to come back");
}

#[tokio::test]
async fn a_set_without_usable_keys_is_not_taken() {
    for set in [json!({"keys": []}), json!({"keys": [{"kty": "unknown"}]}), json!([]), json!({})] {
        let provider = Provider::start(set.clone()).await;
        let problem =
            check(&provider.auth(), &local().sign_claims(&good_claims()).unwrap()).await.unwrap_err();
        let status = axum::response::IntoResponse::into_response(problem).status();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{set}");
    }
}

#[test]
fn a_key_set_is_fetched_safely_or_not_at_all() {
    let table = [
        ("https://id.example/keys", true),
        ("http://127.0.0.1:8080/keys", true),
        ("http://localhost/keys", true),
        ("http://id.example/keys", false),
        ("file:///etc/keys", false),
        ("keys", false),
    ];
    for (url, taken) in table {
        let made = Auth::new(&settings(), Keys::Jwks { url: url.to_owned() });
        assert_eq!(made.is_ok(), taken, "{url}");
    }
}

fn signed(algorithm: Algorithm, key: &EncodingKey) -> String {
    let header = Header { kid: Some("k".to_owned()), ..Header::new(algorithm) };
    jsonwebtoken::encode(&header, &good_claims(), key).unwrap()
}

/// A key of each kind that is taken, and what does not go with it.
#[tokio::test]
async fn each_kind_of_key_signs_with_its_own_algorithm_only() {
    let ed = Ed25519KeyPair::generate().unwrap();
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let rsa = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let point = ec.public_key().as_ref().to_vec();
    let (n, e) = (rsa.public_key().modulus(), rsa.public_key().exponent());
    let rsa_jwk = json!({"kty": "RSA", "n": text(n.big_endian_without_leading_zero()),
        "e": text(e.big_endian_without_leading_zero())});
    let rsa_der = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&rsa).unwrap();
    let rsa_key = EncodingKey::from_rsa_der(&pkcs1(rsa_der.as_ref()));
    let ec_key = EncodingKey::from_ec_der(ec.to_pkcs8v1().unwrap().as_ref());
    let ed_key = EncodingKey::from_ed_der(ed.to_pkcs8().unwrap().as_ref());
    let table = [
        (
            json!({"kty": "OKP", "crv": "Ed25519", "x": text(ed.public_key().as_ref())}),
            signed(Algorithm::EdDSA, &ed_key),
            true,
        ),
        (
            json!({"kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..])}),
            signed(Algorithm::ES256, &ec_key),
            true,
        ),
        (rsa_jwk.clone(), signed(Algorithm::RS256, &rsa_key), true),
        (rsa_jwk.clone(), signed(Algorithm::RS512, &rsa_key), false),
        (rsa_jwk.clone(), signed(Algorithm::PS256, &rsa_key), false),
        (rsa_jwk, signed(Algorithm::ES256, &ec_key), false),
    ];
    for (mut jwk, token, taken) in table {
        jwk["kid"] = json!("k");
        let provider = Provider::start(json!({"keys": [jwk]})).await;
        let checked = check(&provider.auth(), &token).await;
        assert_eq!(checked.is_ok(), taken, "{jwk}: {:?}", checked.err());
    }
}

/// The PKCS #1 key inside a PKCS #8 document of a 2048 bit RSA key, whose head is 26 bytes long.
fn pkcs1(pkcs8: &[u8]) -> Vec<u8> {
    pkcs8[26..].to_vec()
}

#[test]
fn keys_for_other_purposes_are_passed_over() {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let good = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "k", "use": "sig", "alg": "EdDSA"});
    let taken =
        |jwk: &Value| serde_json::from_value::<Jwk>(jwk.clone()).ok().and_then(|jwk| Key::from_jwk(&jwk));
    assert!(taken(&good).is_some());
    let changes =
        [("use", json!("enc")), ("alg", json!("ES256")), ("kid", Value::Null), ("crv", json!("Ed448"))];
    for (name, value) in changes {
        let mut other = good.clone();
        other[name] = value;
        assert!(taken(&other).is_none(), "{other}");
    }
    assert!(taken(&json!({"kty": "oct", "k": "c2VjcmV0", "kid": "k"})).is_none(), "a shared secret");
}
