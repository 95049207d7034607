//! Reads the closing lines of test runners. What a runner does not say is not counted.

/// What a runner said at its end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    /// Its own closing lines.
    pub(crate) closing: Vec<String>,
}

impl Counted {
    /// Adds `3 passed`, `1 failed`, `2 did not run`; skipped ones count as neither.
    fn add(&mut self, part: &str) {
        let Some((number, word)) = part.trim().split_once(' ') else { return };
        let Ok(number) = number.parse::<usize>() else { return };
        match word {
            w if w.starts_with("passed") => self.passed += number,
            w if w.starts_with("skipped") || w.starts_with("ignored") => {}
            w if ["failed", "timed out", "exec failed", "did not run", "interrupted", "flaky"]
                .iter()
                .any(|bad| w.starts_with(bad)) =>
            {
                self.failed += number;
            }
            _ => {}
        }
    }

    fn some(self) -> Option<Self> {
        (!self.closing.is_empty()).then_some(self)
    }
}

/// `Summary [ 1.2s] 5 tests run: 4 passed (1 slow), 1 failed, 0 skipped`
pub(crate) fn nextest(text: &str) -> Option<Counted> {
    let mut counted = Counted::default();
    let line = text.lines().rfind(|l| l.trim_start().starts_with("Summary ["))?;
    line.split_once("run:")?.1.split(',').for_each(|part| counted.add(part));
    counted.closing.push(line.trim().to_owned());
    counted.some()
}

/// `test result: ok. 5 passed; 0 failed; 1 ignored; …`, once for each binary
pub(crate) fn cargo_test(text: &str) -> Option<Counted> {
    let mut counted = Counted::default();
    for line in text.lines().filter(|l| l.starts_with("test result: ")) {
        line.split_once(". ")?.1.split(';').for_each(|part| counted.add(part));
    }
    let binaries = text.lines().filter(|l| l.starts_with("test result: ")).count();
    if binaries > 0 {
        let (passed, failed) = (counted.passed, counted.failed);
        counted.closing.push(format!("{binaries} test binaries: {passed} passed; {failed} failed"));
    }
    counted.some()
}

/// `Tests  1 failed | 41 passed (42)`
pub(crate) fn vitest(text: &str) -> Option<Counted> {
    let mut counted = Counted::default();
    let line = text.lines().map(str::trim).rfind(|l| l.starts_with("Tests "))?;
    line.trim_start_matches("Tests").split('|').for_each(|part| counted.add(part));
    counted.closing.push(line.to_owned());
    counted.some()
}

/// `1 failed`, names, `2 did not run`, `12 passed (1.2m)`, each on a line of its own at the end
pub(crate) fn playwright(text: &str) -> Option<Counted> {
    const WORDS: [&str; 6] = ["passed", "failed", "flaky", "skipped", "did not run", "interrupted"];
    let mut counted = Counted::default();
    for line in text.lines().map(str::trim) {
        let Some((number, word)) = line.split_once(' ') else { continue };
        let is_count = number.parse::<usize>().is_ok()
            && WORDS.iter().any(|w| word == *w || (*w == "passed" && word.starts_with("passed (")));
        if is_count {
            counted.add(line);
            counted.closing.push(line.to_owned());
        }
    }
    counted.some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(count: fn(&str) -> Option<Counted>, text: &str, expect: Option<(usize, usize)>) {
        let counted = count(text);
        assert_eq!(counted.as_ref().map(|c| (c.passed, c.failed)), expect, "{text}");
        assert!(counted.is_none_or(|c| !c.closing.is_empty()));
    }

    #[test]
    fn closing_lines_of_nextest() {
        check(nextest, "   Summary [   0.008s] 3 tests run: 3 passed, 0 skipped\n", Some((3, 0)));
        check(
            nextest,
            "Summary [ 1.1s] 6 tests run: 3 passed (1 slow), 2 failed, 1 timed out, 4 skipped",
            Some((3, 3)),
        );
        check(nextest, "     Summary [   0.008s] 1 test run: 1 passed, 0 skipped", Some((1, 0)));
        check(nextest, "error: could not compile", None);
    }

    #[test]
    fn closing_lines_of_cargo_test() {
        let text = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured\n\
                    test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured";
        check(cargo_test, text, Some((7, 1)));
        check(cargo_test, "error: could not compile", None);
    }

    #[test]
    fn closing_lines_of_vitest() {
        check(vitest, " Test Files  2 passed (2)\n      Tests  42 passed (42)\n", Some((42, 0)));
        check(vitest, "      Tests  1 failed | 41 passed | 1 skipped (43)", Some((41, 1)));
        check(vitest, "No test files found", None);
    }

    #[test]
    fn closing_lines_of_playwright() {
        check(
            playwright,
            "  ok 1 [x] › a.spec.ts:1 › 3 passed things (1s)\n\n  12 passed (1.2m)\n",
            Some((12, 0)),
        );
        let text =
            "  1 failed\n    a.spec.ts:9:1 › signs in ───\n  2 did not run\n  1 skipped\n  4 passed (10.0s)";
        check(playwright, text, Some((4, 3)));
        check(playwright, "Error: no browser", None);
    }
}
