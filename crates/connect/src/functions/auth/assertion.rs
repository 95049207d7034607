//! JSON web tokens: those a client signs to prove itself to an authority (RFC 7523), and reading who issued one.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::{hmac, signature};
use serde_json::{Value, json};

/// How long an assertion is good for. Short: it is used at once, and clocks differ by less.
const LIFETIME_S: u64 = 120;

/// Who says what to whom.
pub(crate) struct Claims<'a> {
    pub(crate) client_id: &'a str,
    /// The endpoint that it is sent to.
    pub(crate) audience: &'a str,
    /// Random, so that no two are the same.
    pub(crate) id: &'a str,
    /// Now, seconds since 1970.
    pub(crate) now_s: u64,
}

/// Signs with the client's secret (`client_secret_jwt`, HS256).
pub(crate) fn with_secret(claims: &Claims<'_>, secret: &str) -> String {
    let signed = unsigned(claims, "HS256");
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Signs with a private key (`private_key_jwt`): RSA (RS256), or the P-256 curve (ES256), PKCS #8 in PEM.
///
/// # Errors
/// The text is no such key; it says what to do.
pub(crate) fn with_key(claims: &Claims<'_>, pem: &str) -> Result<String, &'static str> {
    const WRONG: &str = "the private key cannot be read; give an RSA or P-256 key in PEM as `openssl genpkey` \
                         writes it (it begins with `-----BEGIN PRIVATE KEY-----`)";
    let body =
        pem.split_once("-----BEGIN PRIVATE KEY-----").and_then(|(_, rest)| rest.split_once("-----END"));
    let text: String = body.ok_or(WRONG)?.0.split_whitespace().collect();
    let der = STANDARD.decode(text).map_err(|_| WRONG)?;
    let random = SystemRandom::new();
    if let Ok(key) = signature::RsaKeyPair::from_pkcs8(&der) {
        let signed = unsigned(claims, "RS256");
        let mut bytes = vec![0; key.public().modulus_len()];
        key.sign(&signature::RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut bytes).map_err(|_| WRONG)?;
        return Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes)));
    }
    let curve = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let key = signature::EcdsaKeyPair::from_pkcs8(curve, &der, &random).map_err(|_| WRONG)?;
    let signed = unsigned(claims, "ES256");
    let bytes = key.sign(&random, signed.as_bytes()).map_err(|_| WRONG)?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes)))
}

fn unsigned(claims: &Claims<'_>, algorithm: &str) -> String {
    let header = json!({"alg": algorithm, "typ": "JWT"});
    let body = json!({
        "iss": claims.client_id,
        "sub": claims.client_id,
        "aud": claims.audience,
        "jti": claims.id,
        "iat": claims.now_s,
        "exp": claims.now_s + LIFETIME_S,
    });
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(body))
}

/// Who issued a token, as it says itself; none when it is no JSON web token or does not say. The signature is not
/// checked: the token came from the authority over the connection we made.
pub(crate) fn issuer(token: &str) -> Option<String> {
    let mut parts = token.split('.');
    let (_, claims, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    claims.get("iss")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIMS: Claims<'_> = Claims { client_id: "me", audience: "https://a/token", id: "1", now_s: 1_000 };

    #[test]
    fn an_assertion_says_who_asks_and_is_signed() {
        let token = with_secret(&CLAIMS, "s3cret!");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"s3cret!");
        hmac::verify(&key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        assert_eq!(issuer(&token).as_deref(), Some("me"));
        let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(
            claims,
            json!({"iss": "me", "sub": "me", "aud": "https://a/token", "jti": "1", "iat": 1_000, "exp": 1_120})
        );
    }

    #[test]
    fn a_private_key_signs_too() {
        let random = SystemRandom::new();
        let curve = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let der = signature::EcdsaKeyPair::generate_pkcs8(curve, &random).unwrap();
        let pem =
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(&der));
        let token = with_key(&CLAIMS, &pem).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let pair = signature::EcdsaKeyPair::from_pkcs8(curve, der.as_ref(), &random).unwrap();
        let public = signature::UnparsedPublicKey::new(
            &signature::ECDSA_P256_SHA256_FIXED,
            signature::KeyPair::public_key(&pair).as_ref(),
        );
        public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    }

    #[test]
    fn what_is_no_key_or_no_token_is_not_taken_for_one() {
        for pem in ["", "hidden", "-----BEGIN PRIVATE KEY-----\nhidden\n-----END PRIVATE KEY-----"] {
            let error = with_key(&CLAIMS, pem).unwrap_err();
            assert!(error.contains("openssl") && !error.contains("hidden"), "{error}");
        }
        for token in ["", "opaque", "a.b.c", "a.b", "....", &"x".repeat(100_000)] {
            assert_eq!(issuer(token), None);
        }
    }
}
