//! What somebody may have meant.

/// The candidate that is nearest to `written`, when it is near enough to be worth a hint: at most one edit in three characters.
pub(crate) fn nearest<'c>(written: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let distances = candidates.iter().map(|candidate| (distance(written, candidate), *candidate));
    let (edits, candidate) = distances.min()?;
    (edits <= candidate.len().max(3) / 3).then_some(candidate)
}

/// How many characters must be inserted, removed or replaced (Levenshtein). Names are short; a long text is cut.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
