//! Log templates mined as lines arrive, after Drain (He et al., ICWS 2017), with a fixed depth of two:
//! number of tokens and first token. Not a parser of values: variables are only masked as `<*>`.

use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;

/// A line is cut to this many tokens and each token to this many bytes.
const MAX_TOKENS: usize = 48;
const MAX_TOKEN_BYTES: usize = 80;
/// Templates in one group of equal length and first token.
const GROUP_SIZE: usize = 24;
/// Share of equal tokens that makes a line belong to a template.
const SIMILAR: f64 = 0.5;
const WILDCARD: &str = "<*>";

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Template {
    id: String,
    tokens: Vec<String>,
    used: u64,
}

/// What the miner says of one line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// Stable: from the service and the first form of the template, whatever it widens to later.
    pub(crate) id: String,
    pub(crate) template: String,
}

/// Templates of all services; each service has its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Templates {
    groups: Bounded<Vec<Template>>,
    lines: u64,
}

impl Templates {
    pub(crate) fn new(max_templates: usize) -> Self {
        Self { groups: Bounded::new(max_templates / 4), lines: 0 }
    }

    /// Finds or makes the template of a line.
    pub(crate) fn mine(&mut self, service: &str, body: &str) -> Line {
        self.lines += 1;
        let tokens: Vec<&str> = body.split_whitespace().take(MAX_TOKENS).map(mask).collect();
        let first = tokens.first().copied().unwrap_or_default();
        let key = format!("{service}\u{1f}{}\u{1f}{first}", tokens.len());
        let group = self.groups.entry(&key, Vec::new);
        let best = group
            .iter()
            .enumerate()
            .map(|(i, t)| (similarity(&t.tokens, &tokens), i))
            .filter(|(s, _)| *s >= SIMILAR)
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let index = best.map_or_else(
            || {
                if group.len() >= GROUP_SIZE
                    && let Some(oldest) = (0..group.len()).min_by_key(|i| group[*i].used)
                {
                    group.remove(oldest);
                }
                let tokens: Vec<String> = tokens.iter().map(|t| (*t).to_owned()).collect();
                group.push(Template { id: id(service, &tokens), tokens, used: 0 });
                group.len() - 1
            },
            |(_, i)| i,
        );
        let template = &mut group[index];
        template.used = self.lines;
        for (known, token) in template.tokens.iter_mut().zip(&tokens) {
            if known != token && known != WILDCARD {
                WILDCARD.clone_into(known);
            }
        }
        Line { id: template.id.clone(), template: template.tokens.join(" ") }
    }
}

/// A token with a digit is a variable; an over-long one is cut at a character.
fn mask(token: &str) -> &str {
    if token.bytes().any(|b| b.is_ascii_digit()) {
        return WILDCARD;
    }
    let mut end = token.len().min(MAX_TOKEN_BYTES);
    while !token.is_char_boundary(end) {
        end -= 1;
    }
    &token[..end]
}

fn similarity(known: &[String], tokens: &[&str]) -> f64 {
    if tokens.is_empty() {
        return 1.0;
    }
    let equal = known.iter().zip(tokens).filter(|(k, t)| k == *t).count();
    equal as f64 / tokens.len() as f64
}

/// FNV-1a, fixed for ever: the id is stored and must not depend on the process or the library.
fn id(service: &str, tokens: &[String]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let words = std::iter::once(service).chain(tokens.iter().map(String::as_str));
    for byte in words.flat_map(|w| w.bytes().chain(std::iter::once(0x1f))) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("tpl_{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_widen_a_template_and_its_id_stays() {
        let mut t = Templates::new(100);
        let a = t.mine("checkout", "order 17 failed for user anna");
        let b = t.mine("checkout", "order 18 failed for user bert");
        assert_eq!(a.id, b.id);
        assert_eq!(b.template, "order <*> failed for user <*>");
        assert_ne!(t.mine("payments", "order 17 failed for user anna").id, a.id);
        assert_ne!(t.mine("checkout", "connection refused by peer").id, a.id);
    }

    #[test]
    fn hostile_lines_stay_bounded() {
        let mut t = Templates::new(40);
        t.mine("s", "");
        t.mine("s", &"ä".repeat(10_000));
        for i in 0..5_000u32 {
            let word: String =
                (0..6).map(|k| char::from(b'a' + ((i >> (2 * k)) % 4 * 5 + k) as u8)).collect();
            t.mine("s", &format!("{word} {word}x {word}y {word}z"));
        }
        assert!(t.groups.iter().map(|(_, g)| g.len()).sum::<usize>() <= 40 / 4 * GROUP_SIZE);
    }
}
