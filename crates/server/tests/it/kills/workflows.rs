//! The mix of workflows that are under way while the server is killed, and what each must have done once at the end.

/// A workflow of the mix.
pub(crate) struct Mixed {
    pub(crate) name: &'static str,
    /// How its runs end.
    pub(crate) ends: &'static str,
    /// What its runs do at the peer, each once.
    pub(crate) effects: &'static [&'static str],
    /// Its tasks; `@step` stands for a call of the peer that does this step.
    tasks: &'static str,
}

impl Mixed {
    /// The document; `peer` is the address of the peer.
    pub(crate) fn document(&self, peer: &str) -> String {
        let mut tasks = String::new();
        for line in self.tasks.lines() {
            match line.split_once("@") {
                Some((before, step)) => tasks.push_str(&format!("{before}{}", call(peer, step))),
                None => tasks.push_str(line),
            }
            tasks.push('\n');
        }
        format!(
            "document: {{dsl: '1.0.3', namespace: kills, name: {}, version: '1.0.0'}}\ndo:\n{tasks}",
            self.name
        )
    }
}

/// `step` or `step, field: value`, in one line. The output is the input, so that each step knows the id.
fn call(peer: &str, step: &str) -> String {
    let (step, more) = step.split_once(", ").map_or((step, String::new()), |(s, m)| (s, format!(", {m}")));
    let (undo, more) = match more.split_once("undo: ") {
        Some((before, undo)) => (Some(undo.to_owned()), before.trim_end_matches(", ").to_owned()),
        None => (None, more),
    };
    let with = |step: &str, id: &str, more: &str| {
        format!("{{method: post, endpoint: '{peer}/', body: {{id: '${{ {id} }}', step: '{step}'{more}}}}}")
    };
    let metadata = undo.map_or_else(String::new, |undo| {
        let undo = with(&undo, "$input.id", "");
        format!(", metadata: {{homeostat: {{undo: {{call: http, with: {undo}}}}}}}")
    });
    let with = with(step, ".id", &more);
    format!("{{call: http, with: {with}, output: {{as: $input}}{metadata}}}")
}

pub(crate) const MIX: &[Mixed] = &[
    Mixed {
        name: "waits",
        ends: "completed",
        effects: &["one", "two", "three"],
        tasks: "
- one: @one
- pause: {wait: {milliseconds: 60}}
- two: @two
- again: {wait: {milliseconds: 30}}
- three: @three, last: true",
    },
    Mixed {
        name: "retries",
        ends: "completed",
        effects: &["refused", "dropped", "after"],
        tasks: "
- attempt:
    try:
    - refused: @refused, refuses: 2
    catch:
      errors: {with: {status: 422}}
      retry: {delay: {milliseconds: 40}, limit: {attempt: {count: 5}}}
- doubt:
    try:
    - dropped: @dropped, drops: true
    catch:
      retry: {delay: {milliseconds: 30}, limit: {attempt: {count: 5}}}
- after: @after, last: true",
    },
    Mixed {
        name: "forks",
        ends: "completed",
        effects: &["left", "left-too", "middle", "right", "joined"],
        tasks: "
- apart:
    fork:
      branches:
      - left:
          do:
          - one: @left
          - two: @left-too
      - middle: @middle
      - right:
          do:
          - pause: {wait: {milliseconds: 50}}
          - one: @right
    output: {as: $input}
- joined: @joined, last: true",
    },
    Mixed {
        name: "undoes",
        ends: "faulted",
        effects: &["first", "second", "undo-first", "undo-second"],
        tasks: "
- first: @first, undo: undo-first
- pause: {wait: {milliseconds: 30}}
- second: @second, last: true, undo: undo-second
- fail: {raise: {error: {type: 'https://example.com/wanted', status: 400, title: Wanted}}}",
    },
    Mixed {
        name: "calls",
        ends: "completed",
        effects: &["before", "inside", "inside-too", "behind"],
        tasks: "
- before: @before
- other:
    run: {workflow: {namespace: kills, name: inside, version: '1.0.0', input: {id: '${ .id }'}}}
    output: {as: $input}
- behind: @behind, last: true",
    },
    Mixed {
        name: "listens",
        ends: "completed",
        effects: &["heard", "told"],
        tasks: "
- both:
    fork:
      branches:
      - listener:
          do:
          - hear:
              listen: {to: {one: {with: {type: dev.kills.go, subject: '${ $workflow.input.id }'}}}}
              output: {as: $input}
          - heard: @heard
      - teller:
          do:
          - pause: {wait: {milliseconds: 40}}
          - tell:
              emit: {event: {with: {source: 'https://example.com/kills', type: dev.kills.go, subject: '${ .id }'}}}
              output: {as: $input}
    output: {as: $input}
- told: @told, last: true",
    },
    Mixed {
        name: "turns",
        ends: "completed",
        effects: &["turn-1", "turn-2", "turn-3", "end"],
        tasks: "
- turns:
    for: {each: turn, in: '[1, 2, 3]'}
    do:
    - turn: @${ \"turn-\\($turn)\" }
    output: {as: $input}
- behind: @end, last: true",
    },
];

/// What `calls` runs.
pub(crate) const INSIDE: Mixed = Mixed {
    name: "inside",
    ends: "completed",
    effects: &[],
    tasks: "
- inside: @inside
- pause: {wait: {milliseconds: 30}}
- inside-too: @inside-too",
};
