//! Log templates, mined as lines arrive and without configuration.
//!
//! A line is cut into tokens and brought to its form, in which values are `<*>` (`scan.rs`). Most lines have a form that
//! is known: they cost a look-up. A new form makes the forms of its shape be grouped anew into messages, by what their
//! differing columns look like (`split.rs`). So the decision which lines mean the same rests on all forms seen so
//! far and not on the order of lines, and a template widens while its id stays.

mod miner;
mod scan;
mod split;

use serde::{Deserialize, Serialize};

pub use miner::{Line, Miner};
pub(crate) use scan::values;

use crate::bounded::Bounded;

/// Most forms of one service.
const FORMS_OF_A_SERVICE: usize = 2_000;

/// Templates of all services; each service has its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Templates {
    services: Bounded<Miner>,
}

impl Templates {
    pub(crate) fn new(max_services: usize) -> Self {
        Self { services: Bounded::new(max_services) }
    }

    /// Finds or makes the template of a line.
    pub(crate) fn mine(&mut self, service: &str, body: &str) -> Line {
        self.services.entry(service, || Miner::new(service, FORMS_OF_A_SERVICE)).mine(body)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn variables_widen_a_template_and_its_id_stays() {
        let mut t = Templates::new(100);
        let a = t.mine("checkout", "order 17 failed for user anna");
        for user in ["bert", "carl", "dora", "emil"] {
            t.mine("checkout", &format!("order 18 failed for user {user}"));
        }
        let b = t.mine("checkout", "order 19 failed for user frida");
        assert_eq!(a.id, b.id);
        assert_eq!(&*b.template, "order <*> failed for user <*>");
        assert_ne!(t.mine("payments", "order 17 failed for user anna").id, a.id);
        assert_ne!(t.mine("checkout", "connection refused by peer").id, a.id);
    }

    #[test]
    fn a_word_with_digits_is_part_of_the_message_until_it_changes() {
        let mut miner = Miner::new("s", 100);
        miner.mine("accepted for anna port 22 ssh2");
        assert_eq!(
            &*miner.mine("accepted for anna port 23 ssh2").template,
            "accepted for anna port <*> ssh2"
        );
        assert_eq!(&*miner.mine("accepted for anna port 23 ssh3").template, "accepted for anna port <*> <*>");
    }

    #[test]
    fn hostile_lines_stay_bounded_and_quick() {
        let mut miner = Miner::new("s", 500);
        miner.mine("");
        miner.mine(&"ä".repeat(1_000_000));
        miner.mine(&"[".repeat(1_000_000));
        miner.mine(&"a ".repeat(500_000));
        for i in 0..20_000_u32 {
            let word: String =
                (0..6).map(|k| char::from(b'a' + ((i >> (2 * k)) % 4 * 5 + k) as u8)).collect();
            miner.mine(&format!("{word} {word}x {word}y {word}z"));
        }
        assert!(miner.forms() <= 500);
    }

    #[test]
    fn a_miner_that_was_put_away_goes_on_as_if_nothing_had_happened() {
        let line = |i: u32| {
            format!(
                "user u{} of group g_{} did {} after {i} ms",
                i % 7,
                i % 3,
                ["a", "bb", "ccc"][i as usize % 3]
            )
        };
        let mut whole = Miner::new("s", 50);
        let mut parted = Miner::new("s", 50);
        for i in 0..500 {
            if i % 37 == 0 {
                parted = rmp_serde::from_slice(&rmp_serde::to_vec(&parted).unwrap()).unwrap();
            }
            assert_eq!(whole.mine(&line(i)), parted.mine(&line(i)), "line {i}");
        }
    }

    #[test]
    fn a_million_templates_merge_within_bounds() {
        let mut miner = Miner::new("s", 300);
        let words = ["red", "green", "blue", "cold", "warm", "fast", "slow", "tall", "short", "old"];
        let word = |i: usize, place: u32| words[i / 10_usize.pow(place) % 10];
        // A part of the million that six words make, in no order.
        for i in (0..100_000_usize).map(|i| i * 7_919 % 1_000_000) {
            let line = format!(
                "{} {} {} {} {} {}",
                word(i, 0),
                word(i, 1),
                word(i, 2),
                word(i, 3),
                word(i, 4),
                word(i, 5)
            );
            miner.mine(&line);
        }
        assert!(miner.forms() <= 300);
        assert!(rmp_serde::to_vec(&miner).unwrap().len() < 1 << 20);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn lines_of_a_megabyte_are_bounded(part in "\\PC{1,40}", joint in "[ =:,_-]{0,2}", lines in 1usize..4) {
            let mut miner = Miner::new("s", 16);
            for i in 0..lines {
                let line = format!("{part}{joint}").repeat(1_000_000 / (part.len() + joint.len()) + i);
                miner.mine(&line);
                values(&line);
            }
            prop_assert!(rmp_serde::to_vec(&miner).unwrap().len() < 1 << 18);
        }
    }

    proptest! {
        #[test]
        fn no_line_is_fatal_and_ids_do_not_depend_on_the_process(lines in proptest::collection::vec("\\PC{0,80}", 1..40)) {
            let mut one = Miner::new("s", 16);
            let mut other = Miner::new("s", 16);
            for line in &lines {
                prop_assert_eq!(one.mine(line), other.mine(line));
            }
            prop_assert!(one.forms() <= 16);
        }
    }
}
