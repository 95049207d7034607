//! "Did you mean …?" for names in files.

/// The known name nearest to what was written, when it is near enough to be a slip.
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.into_iter().map(|k| (distance(written, k), k)).min()?;
    (near.0 <= (written.chars().count() / 3).max(2)).then_some(near.1)
}

/// Levenshtein distance. Names are short; what is not is no slip.
fn distance(a: &str, b: &str) -> usize {
    if a.len() > 80 || b.len() > 80 {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        assert_eq!(nearest("severty", ["severity", "service"]), Some("severity"));
        assert_eq!(nearest("impcat", ["impact"]), Some("impact"));
        assert_eq!(nearest("weather", ["severity", "impact"]), None);
    }
}
