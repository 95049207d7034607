//! What a package should be like. One form for all who ask: flags, JSON of an API, the manifest beside a package.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a package should be like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The package's name on npm; made from the API's title if none is given. The class is named after its last part.
    pub name: Option<String>,
    /// The package's version; `0.1.0` if none is given.
    pub version: Option<String>,
    /// The package's licence.
    pub license: License,
    /// Who holds the copyright.
    pub author: Option<String>,
    /// Whether what is sent and what comes back is checked when the package runs.
    pub validation: Validation,
    /// What carries requests.
    pub transport: Transport,
    /// Whether the package has a task of Trigger.dev for each operation.
    pub trigger: bool,
    /// How times and dates are given to programs.
    pub dates: Dates,
    /// How operations give their pages, where the document does not say it and names do not tell.
    pub pagination: Vec<Pagination>,
}

/// Gives a choice its words: in JSON, on a command line, in messages.
macro_rules! words {
    ($(#[$about:meta])* $name:ident: $($(#[$told:meta])* $variant:ident = $word:literal),* $(,)?) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$told])* #[serde(rename = $word)] $variant),*
        }

        impl $name {
            /// Every choice.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its word.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let found = Self::ALL.iter().find(|each| each.word().eq_ignore_ascii_case(text));
                found.copied().ok_or_else(|| {
                    let words: Vec<&str> = Self::ALL.iter().map(|each| each.word()).collect();
                    format!("`{text}` is none of {}", words.join(", "))
                })
            }
        }
    };
}

words! {
    /// The licence of a package.
    License:
    /// MIT.
    #[default]
    Mit = "MIT",
    /// Apache License, version 2.0.
    Apache2 = "Apache-2.0",
    /// ISC.
    Isc = "ISC",
    /// Nobody else may use it.
    Unlicensed = "UNLICENSED",
}

words! {
    /// How values are checked when a package runs.
    Validation:
    /// They are not: types are all there is.
    #[default]
    None = "none",
    /// By validators of the package itself that follow Standard Schema; no dependency.
    StandardSchema = "standard-schema",
    /// By schemas of zod 4, which is a peer dependency then.
    Zod = "zod",
}

words! {
    /// What carries requests.
    Transport:
    /// The platform's `fetch`; no dependency.
    #[default]
    Fetch = "fetch",
    /// axios, the only dependency then.
    Axios = "axios",
}

words! {
    /// How times and dates are given to programs.
    Dates:
    /// As the texts that go over the wire.
    #[default]
    Strings = "strings",
    /// As `Date`, converted both ways.
    Dates = "dates",
}

/// How one operation gives its pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pagination {
    /// Its `operationId`, or its method and path: `GET /books`.
    pub operation: String,
    /// How it does; nothing where it gives one answer, whatever names tell.
    #[serde(default)]
    pub pages: Option<Pages>,
}

/// How pages follow each other. Names with dots lead into objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pages {
    /// What a page is asked for by.
    #[serde(rename = "type")]
    pub by: PagesBy,
    /// Where the items of a page are; found by itself if nothing is said.
    pub items: Option<String>,
    /// The parameter, or the property of the body, that asks for a page; links need none.
    pub parameter: Option<String>,
    /// Where `parameter` is; found by itself if nothing is said.
    #[serde(rename = "in")]
    pub place: Option<PagesIn>,
    /// Where a page says what comes next.
    pub next: Option<String>,
    /// The property of the last item that the next page begins after.
    pub last: Option<String>,
    /// Where a page says whether there is more.
    pub more: Option<String>,
    /// The parameter with the size of a page.
    pub size: Option<String>,
    /// Where a page says how many pages there are.
    pub pages: Option<String>,
    /// Where a page says how many items there are.
    pub total: Option<String>,
    /// The number of the first page; 1 if nothing is said.
    pub first: Option<u32>,
}

words! {
    /// What a page is asked for by.
    PagesBy:
    /// What the page before it said.
    #[default]
    Cursor = "cursor",
    /// Its number.
    Page = "page",
    /// How many items come before it.
    Offset = "offset",
    /// A link in the page before it, or in its header `Link`.
    Link = "link",
}

words! {
    /// Where a page is asked for.
    PagesIn:
    /// In the query.
    #[default]
    Query = "query",
    /// In the body.
    Body = "body",
}

#[cfg(test)]
mod tests {
    use super::{Dates, License, Options, PagesBy, Transport, Validation};

    #[test]
    fn options_are_what_they_were_after_a_round_trip() {
        let text = r#"{"name":"@acme/x","license":"ISC","validation":"standard-schema","transport":"axios","trigger":true,"dates":"dates",
            "pagination":[{"operation":"GET /a","pages":{"type":"offset","parameter":"from","in":"body"}},{"operation":"b"}]}"#;
        let options: Options = serde_json::from_str(text).expect("it is read");
        assert_eq!(
            (options.license, options.validation, options.transport, options.dates),
            (License::Isc, Validation::StandardSchema, Transport::Axios, Dates::Dates)
        );
        assert_eq!(options.pagination[0].pages.as_ref().map(|pages| pages.by), Some(PagesBy::Offset));
        assert_eq!(options.pagination[1].pages, None);
        let again = serde_json::to_string(&options).expect("it is written");
        assert_eq!(serde_json::from_str::<Options>(&again).expect("it is read"), options);
        assert!(serde_json::from_str::<Options>(r#"{"validatoin":"zod"}"#).is_err());
    }

    #[test]
    fn a_wrong_word_is_answered_with_the_right_ones() {
        assert_eq!("apache-2.0".parse(), Ok(License::Apache2));
        assert_eq!(
            "GPL".parse::<License>().unwrap_err(),
            "`GPL` is none of MIT, Apache-2.0, ISC, UNLICENSED"
        );
    }
}
