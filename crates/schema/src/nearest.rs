//! "Did you mean": the known word that an unknown one was probably meant to be.

/// The candidate that is nearest to `word`, or `None` when nothing is near.
///
/// Letter case, `_` and `-` make no difference. Near is an edit distance (Damerau-Levenshtein) of at most a third of
/// the longer of the two words; the first of equally near candidates is taken.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = folded(word);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let other = folded(candidate);
            let letters = word.chars().count().max(other.chars().count());
            let distance = strsim::damerau_levenshtein(&word, &other);
            (distance * 3 <= letters).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Longer words than any name: comparing them would cost more than the hint is worth.
const LONGEST: usize = 64;

fn folded(word: &str) -> String {
    word.chars().filter(|letter| !matches!(letter, '_' | '-')).take(LONGEST).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const FIELDS: [&str; 4] = ["given_name", "family_name", "birth_date", "id"];

    #[test]
    fn a_slip_of_the_finger_finds_the_word_that_was_meant() {
        assert_eq!(nearest("famly_name", FIELDS), Some("family_name"));
        assert_eq!(nearest("birthDate", FIELDS), Some("birth_date"));
        assert_eq!(nearest("BIRTH-DATE", FIELDS), Some("birth_date"));
        assert_eq!(nearest("brith_date", FIELDS), Some("birth_date"));
    }

    #[test]
    fn a_word_that_is_like_none_finds_none() {
        assert_eq!(nearest("salary", FIELDS), None);
        assert_eq!(nearest("xy", FIELDS), None);
        assert_eq!(nearest("", FIELDS), None);
        assert_eq!(nearest("anything", []), None);
    }
}
