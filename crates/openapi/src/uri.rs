//! References between documents (RFC 3986, section 5), also between files that have no scheme.

/// What a reference means in a document: the URI of the other document. A reference that is whole stays as it is.
pub(crate) fn join(base: &str, reference: &str) -> String {
    if scheme(reference).is_some() {
        return reference.to_owned();
    }
    let (head, path) = split(base);
    if let Some(rest) = reference.strip_prefix("//") {
        let scheme = scheme(base).unwrap_or("https");
        return format!("{scheme}://{rest}");
    }
    if reference.starts_with('/') {
        return format!("{head}{}", without_dots(reference));
    }
    // Below an authority there is always a root.
    let top = if head.is_empty() { "" } else { "/" };
    let folder = path.rfind('/').map_or(top, |at| &path[..=at]);
    format!("{head}{}", without_dots(&format!("{folder}{reference}")))
}

/// The scheme of a URI; a single letter is a drive.
pub(crate) fn scheme(uri: &str) -> Option<&str> {
    let (scheme, _) = uri.split_once(':')?;
    let known = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    (scheme.len() > 1 && known && scheme.as_bytes()[0].is_ascii_alphabetic()).then_some(scheme)
}

/// Scheme and authority, and the path without query.
fn split(uri: &str) -> (&str, &str) {
    let end = uri.find(['?', '#']).unwrap_or(uri.len());
    let uri = &uri[..end];
    match uri.find("://") {
        None => ("", uri),
        Some(at) => {
            let path = uri[at + 3..].find('/').map_or(uri.len(), |slash| at + 3 + slash);
            uri.split_at(path)
        }
    }
}

fn without_dots(path: &str) -> String {
    let (path, query) = path.find(['?', '#']).map_or((path, ""), |at| path.split_at(at));
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    let mut ends_in_folder = false;
    for part in path.split('/') {
        ends_in_folder = matches!(part, "" | "." | "..");
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let slash = if rooted { "/" } else { "" };
    let tail = if ends_in_folder && !parts.is_empty() { "/" } else { "" };
    format!("{slash}{}{tail}{query}", parts.join("/"))
}

/// Percent-decodes; what is no escape stays.
pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_from_where_they_stand() {
        for (base, reference, expect) in [
            ("https://h/a/b.yaml", "c.yaml", "https://h/a/c.yaml"),
            ("https://h/a/b.yaml?v=1", "./x/../c.yaml", "https://h/a/c.yaml"),
            ("https://h/a/b.yaml", "../../../c.yaml", "https://h/c.yaml"),
            ("https://h/a/b.yaml", "/c.yaml", "https://h/c.yaml"),
            ("https://h/a/b.yaml", "//k/c.yaml", "https://k/c.yaml"),
            ("https://h", "c.yaml", "https://h/c.yaml"),
            ("https://h/a/b.yaml", "http://k/c.yaml", "http://k/c.yaml"),
            ("dir/root.yaml", "parts/x.yaml", "dir/parts/x.yaml"),
            ("dir/root.yaml", "../x.yaml", "x.yaml"),
            ("root.yaml", "../x.yaml", "../x.yaml"),
            ("/abs/root.yaml", "x.yaml", "/abs/x.yaml"),
            ("", "x.yaml", "x.yaml"),
            ("https://h/a/", "v2/", "https://h/a/v2/"),
        ] {
            assert_eq!(join(base, reference), expect, "{reference} in {base}");
        }
    }

    #[test]
    fn escapes_are_decoded_and_all_else_stays() {
        for (text, expect) in [("a%20b", "a b"), ("%", "%"), ("%zz", "%zz"), ("%c3%A9", "é"), ("é%2", "é%2")]
        {
            assert_eq!(decode(text), expect);
        }
    }
}
