//! How many tokens a text may be, and what they cost. An estimate on the careful side: no tokenizer of any model is
//! here, and a cap that is reached a little early harms nobody.

/// Letters that make one token at most; English has about four, identifiers fewer.
const LETTERS_A_TOKEN: usize = 4;
/// Digits that make one token; newer tokenizers take up to three together.
const DIGITS_A_TOKEN: usize = 2;

/// Estimated tokens of a text: runs of letters and of digits by their length, every other visible character as one,
/// single spaces as nothing, characters beyond ASCII as one and a half.
#[must_use]
pub fn tokens(text: &str) -> u32 {
    let (mut halves, mut letters, mut digits, mut spaces) = (0_usize, 0_usize, 0_usize, 0_usize);
    let mut end = |letters: &mut usize, digits: &mut usize, spaces: &mut usize| {
        halves += 2 * (letters.div_ceil(LETTERS_A_TOKEN) + digits.div_ceil(DIGITS_A_TOKEN) + *spaces / 2);
        (*letters, *digits, *spaces) = (0, 0, 0);
    };
    let mut others = 0_usize;
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' if digits == 0 && spaces == 0 => letters += 1,
            '0'..='9' if letters == 0 && spaces == 0 => digits += 1,
            c if c.is_ascii_whitespace() && letters == 0 && digits == 0 => spaces += 1,
            c => {
                end(&mut letters, &mut digits, &mut spaces);
                match c {
                    'a'..='z' | 'A'..='Z' => letters = 1,
                    '0'..='9' => digits = 1,
                    c if c.is_ascii_whitespace() => spaces = 1,
                    c if c.is_ascii() => others += 2,
                    _ => others += 3,
                }
            }
        }
    }
    end(&mut letters, &mut digits, &mut spaces);
    u32::try_from((halves + others).div_ceil(2)).unwrap_or(u32::MAX)
}

/// What a model asks for a million tokens, in any one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prices {
    /// For those that it reads.
    pub per_million_in: f64,
    /// For those that it writes.
    pub per_million_out: f64,
}

impl Prices {
    /// What so many tokens cost.
    #[must_use]
    pub fn cost(&self, tokens_in: u64, tokens_out: u64) -> f64 {
        (tokens_in as f64 * self.per_million_in + tokens_out as f64 * self.per_million_out) / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_near_what_tokenizers_count_and_not_below() {
        // Counted with o200k_base: 9, 14, 25, 16.
        for (text, counted) in [
            ("the quick brown fox jumps over the lazy dog", 9),
            (r#"{"service":"checkout","p95_ms":812.5}"#, 14),
            ("2026-11-21T09:30:00.000Z ERROR payment failed: timeout after 3000ms", 25),
            ("配置错误导致服务无法启动并且重试失败了", 16),
        ] {
            let estimate = tokens(text);
            assert!(estimate >= counted && estimate <= counted * 2 + 4, "{text}: {estimate} for {counted}");
        }
    }

    #[test]
    fn parts_are_never_estimated_below_the_whole() {
        for (a, b) in [("abc", "def"), ("12", "3"), ("a", " b"), ("  ", "  "), ("", "x"), ("é", "é")] {
            assert!(tokens(a) + tokens(b) >= tokens(&format!("{a}{b}")), "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_cost_is_tokens_times_price() {
        let prices = Prices { per_million_in: 3.0, per_million_out: 15.0 };
        assert!((prices.cost(8_000, 1_000) - 0.039).abs() < 1e-12);
        assert_eq!(Prices::default().cost(u64::MAX, u64::MAX), 0.0);
    }
}
