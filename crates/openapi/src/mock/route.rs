//! Which operation a path is of. What is written out counts more than what a parameter takes.

use std::cmp::Reverse;

use crate::api::{Api, In, Operation, Piece, Server};
use crate::uri;

/// Most steps of holding one path against one template.
const STEPS_MAX: usize = 10_000;

/// Most operations that one request is held against.
const CANDIDATES_MAX: usize = 64;

/// The operations, those that say most about their paths first.
#[derive(Clone, Debug)]
pub(super) struct Routes {
    order: Vec<usize>,
}

/// An operation, and the values in its path by name, decoded.
pub(super) struct Found {
    pub(super) operation: usize,
    pub(super) values: Vec<(String, String)>,
}

impl Routes {
    pub(super) fn new(api: &Api) -> Self {
        let mut order: Vec<usize> = (0..api.operations.len()).collect();
        order.sort_by_cached_key(|at| written(&api.operations[*at]));
        Self { order }
    }

    /// The operations that a request may be for, likeliest first.
    pub(super) fn find(&self, api: &Api, method: &str, path: &str, query: &str) -> Vec<Found> {
        let with_method = |method: &str| {
            let of_method = self.order.iter().filter(|at| api.operations[**at].method == method);
            let taken = of_method.filter(|at| asks(&api.operations[**at], query));
            let found = taken
                .filter_map(|at| Some(Found { operation: *at, values: values(&api.operations[*at], path)? }));
            found.take(CANDIDATES_MAX).collect::<Vec<_>>()
        };
        let mut found = with_method(method);
        if found.is_empty() && method == "head" {
            // What can be got can be asked about.
            found = with_method("get");
        }
        // Where parameters stand in each other's places, those that are what they are by default tell.
        let least = found.first().map(|first| written(&api.operations[first.operation]));
        found.retain(|other| least == Some(written(&api.operations[other.operation])));
        found.sort_by_key(|found| Reverse(by_default(api, found)));
        found
    }

    /// The methods that a path has.
    pub(super) fn methods(&self, api: &Api, path: &str) -> Vec<String> {
        let mut methods: Vec<String> = Vec::new();
        for at in &self.order {
            let operation = &api.operations[*at];
            if !methods.contains(&operation.method) && values(operation, path).is_some() {
                methods.push(operation.method.clone());
            }
        }
        methods
    }
}

/// How much of a path is written out, fixed queries first; and whether something takes slashes.
fn written(operation: &Operation) -> (Reverse<(usize, usize)>, bool) {
    let pieces = operation.pieces();
    let text = pieces.iter().map(|piece| if let Piece::Text(text) = piece { text.len() } else { 0 }).sum();
    let slashes = pieces.iter().any(|piece| matches!(piece, Piece::Parameter { slashes: true, .. }));
    (Reverse((operation.fixed_query().map_or(0, str::len), text)), slashes)
}

/// Whether a query has what stands in the path of an operation.
fn asks(operation: &Operation, query: &str) -> bool {
    let has =
        |wanted: &str| query.split('&').any(|pair| pair == wanted || pair.split('=').next() == Some(wanted));
    operation.fixed_query().is_none_or(|fixed| fixed.split('&').filter(|pair| !pair.is_empty()).all(has))
}

/// How many values of the path are what their parameters are by default.
fn by_default(api: &Api, found: &Found) -> usize {
    let operation = &api.operations[found.operation];
    let is_default = |name: &str, value: &str| {
        let parameter =
            operation.parameters.iter().find(|known| known.place == In::Path && known.name == name);
        let default = parameter.and_then(|known| api.schema(known.schema).default.as_deref());
        default.and_then(|default| default.as_str()) == Some(value)
    };
    found.values.iter().filter(|(name, value)| is_default(name, value)).count()
}

/// The values of a path, with or without what the servers have before it.
fn values(operation: &Operation, path: &str) -> Option<Vec<(String, String)>> {
    let pieces = operation.pieces();
    let bases = operation.servers.iter().map(base).filter(|base| !base.is_empty());
    let below = bases.filter_map(|base| path.strip_prefix(base.as_str()).map(str::to_owned));
    let rest: Vec<String> = below.chain([path.to_owned()]).collect();
    let lead = if operation.path.starts_with('/') { "" } else { "/" };
    rest.iter().find_map(|rest| {
        let rest = rest.strip_prefix(lead)?;
        let mut taken = Vec::new();
        let mut steps = 0;
        let fits = matches(&pieces, rest, &mut taken, &mut steps)
            || rest.strip_suffix('/').is_some_and(|rest| {
                taken.clear();
                matches(&pieces, rest, &mut taken, &mut steps)
            });
        let named =
            |(index, text): (usize, &str)| (operation.parameters[index].name.clone(), uri::decode(text));
        fits.then(|| taken.into_iter().map(named).collect())
    })
}

/// The path of a server's URL, variables at what they are by default.
fn base(server: &Server) -> String {
    let mut url = server.url.clone();
    for variable in &server.variables {
        let value =
            variable.default.as_deref().or(variable.values.first().map(String::as_str)).unwrap_or_default();
        url = url.replace(&format!("{{{}}}", variable.name), value);
    }
    let whole = uri::join(&server.base, &url);
    let path = match whole.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |slash| &rest[slash..]),
        // Where the document has no address, its servers have none either.
        None if url.starts_with('/') => url.as_str(),
        None => "",
    };
    path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/').to_owned()
}

fn matches<'p>(
    pieces: &[Piece<'_>],
    path: &'p str,
    taken: &mut Vec<(usize, &'p str)>,
    steps: &mut usize,
) -> bool {
    *steps += 1;
    if *steps > STEPS_MAX {
        return false;
    }
    match pieces.split_first() {
        None => path.is_empty(),
        Some((Piece::Text(text), rest)) => {
            let text = text.split('#').next().unwrap_or_default();
            path.strip_prefix(text).is_some_and(|path| matches(rest, path, taken, steps))
        }
        Some((Piece::Parameter { index, slashes }, rest)) => {
            let most = if *slashes { path.len() } else { path.find('/').unwrap_or(path.len()) };
            let ends = (1..=most).rev().filter(|end| path.is_char_boundary(*end));
            for end in ends {
                taken.push((*index, &path[..end]));
                if matches(rest, &path[end..], taken, steps) {
                    return true;
                }
                taken.pop();
            }
            false
        }
    }
}
