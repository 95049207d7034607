//! `[explainer]`: the language model that explains incidents. Off until a provider's model is named.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use connect::explain::{Key, Model, ModelSettings, Provider};
use connect::functions::{Limits, Web};
use diagnose::explain::Prices;
use engine::explain::ExplainLimits;
use ports::Secrets;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Largest answer of a model as it comes over the wire, in bytes.
const RESPONSE_BYTES_MAX: usize = 1 << 20;
/// Least tokens that evidence fits into.
const PACK_TOKENS_MIN: u32 = 2_000;

/// A language model that explains incidents: off unless `enabled`. Evidence is sent to it, telemetry text among it;
/// nothing that Homeostat decides or does depends on what it answers. Requests keep within `functions.http`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Explainer {
    /// Whether a model is asked at all.
    pub(crate) enabled: bool,
    /// What it speaks: `openai` for every server with OpenAI's chat completions.
    pub(crate) provider: Provider,
    /// Its base address, for `openai` up to and with `/v1`; empty means the provider's own.
    pub(crate) endpoint: String,
    /// The model, as the provider calls it. Required when enabled.
    pub(crate) model: String,
    /// Region of Bedrock, such as `eu-central-1`.
    pub(crate) region: String,
    /// Name of the environment variable that holds the key. A server of one's own may need none.
    pub(crate) key_env: String,
    /// File that holds the key, in place of a variable; read for each request.
    pub(crate) key_file: String,
    /// Name of the secret that holds the key, among those that workflows use. For Bedrock an object with
    /// `access_key_id`, `secret_access_key` and perhaps `session_token`, or a Bedrock API key.
    pub(crate) key_secret: String,
    /// Explain incidents by itself, once something was decided about them; else only when a person asks.
    pub(crate) automatic: bool,
    /// Milliseconds for one explanation, all requests together.
    pub(crate) timeout_ms: NonZeroU64,
    /// Most requests for one explanation: the first, and one more after each answer that cannot be used.
    pub(crate) turns: NonZeroU32,
    /// Most tokens of the evidence that is sent, estimated.
    pub(crate) pack_tokens: NonZeroU32,
    /// Most tokens of earlier questions and answers that are sent along, estimated.
    pub(crate) memory_tokens: u32,
    /// Most tokens of an answer.
    pub(crate) answer_tokens: NonZeroU32,
    /// Most requests in a day (UTC).
    pub(crate) requests_per_day: u32,
    /// Most questions of people in a minute.
    pub(crate) asks_per_minute: NonZeroU32,
    /// What a million tokens cost that the model reads, in any one currency.
    pub(crate) price_in: f64,
    /// What a million tokens cost that the model writes, in the same currency.
    pub(crate) price_out: f64,
    /// Most that may be spent in a day (UTC), in that currency. Counts for nothing while both prices are 0.
    pub(crate) cost_per_day: f64,
}

impl Default for Explainer {
    fn default() -> Self {
        let limits = ExplainLimits::default();
        let positive = |n: u32| NonZeroU32::new(n).expect("not zero");
        Self {
            enabled: false,
            provider: Provider::Openai,
            endpoint: String::new(),
            model: String::new(),
            region: String::new(),
            key_env: String::new(),
            key_file: String::new(),
            key_secret: String::new(),
            automatic: limits.automatic,
            timeout_ms: NonZeroU64::new(120_000).expect("not zero"),
            turns: positive(limits.turns),
            pack_tokens: positive(limits.pack_tokens),
            memory_tokens: limits.memory_tokens,
            answer_tokens: positive(limits.answer_tokens),
            requests_per_day: limits.requests_per_day,
            asks_per_minute: positive(limits.asks_per_minute),
            price_in: 0.0,
            price_out: 0.0,
            cost_per_day: limits.cost_per_day,
        }
    }
}

impl Explainer {
    /// What bounds explaining.
    pub(crate) fn limits(&self) -> ExplainLimits {
        ExplainLimits {
            automatic: self.automatic,
            pack_tokens: self.pack_tokens.get(),
            memory_tokens: self.memory_tokens,
            answer_tokens: self.answer_tokens.get(),
            turns: self.turns.get(),
            deadline: Duration::from_millis(self.timeout_ms.get()),
            prices: Prices { per_million_in: self.price_in, per_million_out: self.price_out },
            cost_per_day: self.cost_per_day,
            requests_per_day: self.requests_per_day,
            asks_per_minute: self.asks_per_minute.get(),
        }
    }

    /// The model; none when it is off. `bounds` are those of every other request.
    ///
    /// # Errors
    /// An option is missing or wrong; the text names it.
    pub(crate) fn open(
        &self,
        bounds: Limits,
        secrets: Arc<dyn Secrets>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Arc<dyn ports::Explainer>>, String> {
        if !self.enabled {
            return Ok(None);
        }
        if self.pack_tokens.get() < PACK_TOKENS_MIN {
            return Err(format!("explainer.pack_tokens must be at least {PACK_TOKENS_MIN}"));
        }
        for (name, value) in
            [("price_in", self.price_in), ("price_out", self.price_out), ("cost_per_day", self.cost_per_day)]
        {
            if !value.is_finite() || value < 0.0 {
                return Err(format!("explainer.{name} must be a number of at least 0"));
            }
        }
        let web = Web::new(Limits {
            timeout: Duration::from_millis(self.timeout_ms.get()),
            response_bytes_max: RESPONSE_BYTES_MAX,
            ..bounds
        })?;
        let settings = ModelSettings {
            provider: self.provider,
            endpoint: given(&self.endpoint),
            model: self.model.clone(),
            key: self.key(secrets, variable)?,
            region: given(&self.region),
        };
        let model = Model::new(Arc::new(web), settings).map_err(|e| format!("explainer: {e}"))?;
        Ok(Some(Arc::new(model)))
    }

    fn key(
        &self,
        secrets: Arc<dyn Secrets>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Key, String> {
        match (given(&self.key_env), given(&self.key_file), given(&self.key_secret)) {
            (None, None, None) => Ok(Key::None),
            (Some(name), None, None) => {
                let text = variable(&name).filter(|text| !text.trim().is_empty());
                let text =
                    text.ok_or_else(|| format!("explainer.key_env: the variable {name} is not set"))?;
                Ok(Key::Given(ports::secrets::read_secret(text.trim())))
            }
            (None, Some(path), None) => Ok(Key::File(path.into())),
            (None, None, Some(name)) if ports::secrets::is_secret_name(&name) => {
                Ok(Key::Named(secrets, name))
            }
            (None, None, Some(name)) => Err(format!("explainer.key_secret: {name:?} is no name of a secret")),
            _ => Err("explainer: give one of key_env, key_file and key_secret, not several".to_owned()),
        }
    }
}

fn given(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(change: impl FnOnce(&mut Explainer)) -> Result<bool, String> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut explainer = Explainer { enabled: true, model: "m".to_owned(), ..Explainer::default() };
        change(&mut explainer);
        let variable = |name: &str| (name == "SET").then(|| "sk-1".to_owned());
        explainer.open(Limits::default(), Arc::new(()), variable).map(|model| model.is_some())
    }

    #[test]
    fn it_is_off_until_it_is_switched_on() {
        assert_eq!(open(|e| *e = Explainer::default()), Ok(false));
        assert_eq!(open(|_| ()), Ok(true));
        assert_eq!(open(|e| e.key_env = "SET".to_owned()), Ok(true));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        type Change = fn(&mut Explainer);
        let cases: [(Change, &str); 9] = [
            (|e| e.model.clear(), "`model` is missing"),
            (|e| e.key_env = "UNSET".to_owned(), "the variable UNSET is not set"),
            (|e| e.key_secret = "../x".to_owned(), "is no name of a secret"),
            (
                |e| {
                    e.key_env = "SET".to_owned();
                    e.key_file = "k".to_owned();
                },
                "not several",
            ),
            (|e| e.provider = Provider::Bedrock, "`region` is missing"),
            (|e| e.endpoint = "ftp://x".to_owned(), "`endpoint`"),
            (|e| e.price_in = -1.0, "explainer.price_in"),
            (|e| e.cost_per_day = f64::NAN, "explainer.cost_per_day"),
            (|e| e.pack_tokens = NonZeroU32::MIN, "explainer.pack_tokens"),
        ];
        for (change, part) in cases {
            let error = open(change).unwrap_err();
            assert!(error.contains(part), "{error} should say {part}");
        }
    }
}
