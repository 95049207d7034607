//! Words of names: taken apart however they were put together, and put together as TypeScript does.

/// Words of an identifier, a title or a path, in small letters: `getHTTPStatus_v2` is `get`, `http`, `status`, `v2`.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut word = String::new();
    let letters: Vec<char> = text.chars().collect();
    for (index, &letter) in letters.iter().enumerate() {
        if matches!(letter, '\'' | '’') {
            continue;
        }
        if !is_part(letter) {
            flush(&mut found, &mut word);
            continue;
        }
        let before = index.checked_sub(1).map(|i| letters[i]);
        let after = letters.get(index + 1).copied();
        let hump = letter.is_uppercase()
            && (before.is_some_and(|b| b.is_lowercase() || b.is_numeric())
                || (before.is_some_and(char::is_uppercase)
                    && after.is_some_and(char::is_lowercase)
                    && after != Some('s')
                    || (before.is_some_and(char::is_uppercase)
                        && after == Some('s')
                        && letters.get(index + 2).is_some_and(|c| c.is_lowercase()))));
        if hump {
            flush(&mut found, &mut word);
        }
        word.extend(letter.to_lowercase());
    }
    flush(&mut found, &mut word);
    found
}

fn flush(found: &mut Vec<String>, word: &mut String) {
    if !word.is_empty() {
        found.push(std::mem::take(word));
    }
}

/// Whether a letter may stand in an identifier and is no separator. Marks that only combine with others are left out.
fn is_part(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || (!letter.is_ascii() && letter.is_alphabetic())
}

/// `petStore`.
pub(crate) fn camel<S: AsRef<str>>(words: &[S]) -> String {
    let mut name = String::new();
    for (index, word) in words.iter().enumerate() {
        if index == 0 { name.push_str(word.as_ref()) } else { push_capital(&mut name, word.as_ref()) }
    }
    started(name)
}

/// `PetStore`.
pub(crate) fn pascal<S: AsRef<str>>(words: &[S]) -> String {
    let mut name = String::new();
    for word in words {
        push_capital(&mut name, word.as_ref());
    }
    started(name)
}

/// `PET_STORE`.
pub(crate) fn screaming<S: AsRef<str>>(words: &[S]) -> String {
    let words: Vec<String> = words.iter().map(|w| w.as_ref().to_uppercase()).collect();
    started(words.join("_"))
}

/// `pet-store`.
pub(crate) fn kebab<S: AsRef<str>>(words: &[S]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    words.join("-")
}

fn push_capital(name: &mut String, word: &str) {
    let mut letters = word.chars();
    if let Some(first) = letters.next() {
        name.extend(first.to_uppercase());
        name.push_str(letters.as_str());
    }
}

/// An identifier cannot begin with a digit.
fn started(name: String) -> String {
    if name.chars().next().is_some_and(char::is_numeric) { format!("_{name}") } else { name }
}

/// The name of a type: as written if it is one already, so that `APIKey` stays what its authors call it.
pub(crate) fn type_name(text: &str) -> String {
    let plain = text.chars().next().is_some_and(|c| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_alphanumeric());
    if plain { text.to_owned() } else { pascal(&words(text)) }
}

/// Whether a text can be the name of a property without quotes.
pub(crate) fn is_identifier(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == '$')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
}

/// A word of several in the singular, near enough for comparing and for naming one of them.
pub(crate) fn singular(word: &str) -> String {
    const AS_THEY_ARE: [&str; 14] = [
        "status",
        "address",
        "access",
        "series",
        "news",
        "process",
        "analytics",
        "settings",
        "dns",
        "sms",
        "https",
        "bus",
        "alias",
        "canvas",
    ];
    if word.len() < 4 || AS_THEY_ARE.contains(&word) || word.ends_with("ss") || word.ends_with("us") {
        return word.to_owned();
    }
    if let Some(stem) = word.strip_suffix("ies") {
        return if stem.len() > 1 { format!("{stem}y") } else { word.to_owned() };
    }
    for ending in ["sses", "shes", "ches", "xes", "uses", "zzes"] {
        if word.ends_with(ending) {
            return word[..word.len() - 2].to_owned();
        }
    }
    word.strip_suffix('s').unwrap_or(word).to_owned()
}

/// Whether a word speaks of several.
pub(crate) fn is_plural(word: &str) -> bool {
    singular(word) != word || matches!(word, "data" | "people" | "children" | "series" | "settings" | "news")
}

/// Words that cannot name a variable.
pub(crate) fn is_reserved(name: &str) -> bool {
    const RESERVED: [&str; 54] = [
        "arguments",
        "as",
        "async",
        "await",
        "break",
        "case",
        "catch",
        "class",
        "const",
        "continue",
        "debugger",
        "default",
        "delete",
        "do",
        "else",
        "enum",
        "eval",
        "export",
        "extends",
        "false",
        "finally",
        "for",
        "from",
        "function",
        "get",
        "if",
        "implements",
        "import",
        "in",
        "instanceof",
        "interface",
        "let",
        "new",
        "null",
        "of",
        "package",
        "private",
        "protected",
        "public",
        "return",
        "set",
        "static",
        "super",
        "switch",
        "this",
        "throw",
        "true",
        "try",
        "typeof",
        "undefined",
        "var",
        "void",
        "while",
        "with",
    ];
    RESERVED.contains(&name) || name == "yield"
}

#[cfg(test)]
mod tests {
    use super::{camel, is_plural, pascal, singular, type_name, words};

    #[test]
    fn words_are_found_however_they_are_put_together() {
        let cases = [
            ("getHTTPStatus_v2", "get http status v2"),
            ("list-all pets", "list all pets"),
            ("PetsController_findAll", "pets controller find all"),
            ("userIDs", "user ids"),
            ("user's name", "users name"),
            ("io.k8s.Pod", "io k8s pod"),
            ("OAuth2Token", "o auth2 token"),
            ("Größe", "größe"),
            ("", ""),
            ("日本", "日本"),
        ];
        for (text, expected) in cases {
            assert_eq!(words(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn names_of_types_stay_what_they_are_if_they_can() {
        let cases =
            [("APIKey", "APIKey"), ("pet_category", "PetCategory"), ("a.b$c (d)", "ABCD"), ("2fa", "_2fa")];
        for (text, expected) in cases {
            assert_eq!(type_name(text), expected);
        }
        assert_eq!(camel(&words("X-Request-ID")), "xRequestId");
        assert_eq!(pascal(&["a", "b"]), "AB");
    }

    #[test]
    fn several_and_one() {
        for (many, one) in
            [("pets", "pet"), ("policies", "policy"), ("boxes", "box"), ("addresses", "address")]
        {
            assert_eq!(singular(many), one);
            assert!(is_plural(many) && !is_plural(one));
        }
        for word in ["status", "access", "bus", "dns"] {
            assert_eq!(singular(word), word);
        }
    }
}
