//! How tasks listen: which events count, when there are enough, and what is done with each.

use serde_json::Value;

use super::Machine;
use super::scope::Extra;
use crate::definition::{CorrelationSpec, FilterSpec, Kind, Listen, MatcherSpec, Stop};
use crate::error::WorkflowError;
use crate::event::{Change, Effect};
use crate::expression::truthy;
use crate::filter::{Correlation, EventFilter, Fixed, Matcher, Pattern, Rule, matches, read};
use crate::plan::dry;
use crate::state::{Activity, List, Listening, Move, NodeId, PendingListen, Purpose, listen_effect};

/// Most events whose outputs one listening task keeps.
pub const MAX_CONSUMED: usize = 10_000;
/// Most events that wait for their turn in `foreach`.
pub const MAX_QUEUED: usize = 1_000;
/// Events remembered so that one which comes twice counts once.
const MAX_SEEN: usize = 256;
/// Longest identity that is remembered.
const MAX_IDENTITY_BYTES: usize = 1024;
/// Turns of `foreach` that can be undone.
const MAX_TURNS: usize = 100;

impl Machine<'_> {
    /// Begins to listen.
    pub(super) fn listen(
        &mut self,
        node: NodeId,
        listen: &Listen,
        input: &Value,
    ) -> Result<(), WorkflowError> {
        let filters = listen
            .filters
            .iter()
            .chain(&listen.until)
            .map(|spec| self.filter(node, spec, input))
            .collect::<Result<Vec<_>, _>>()?;
        let mut window = None;
        let subscription = match &listen.subscription {
            Some(subscription) => {
                window = subscription.window.as_ref().map(|d| self.duration_ms(node, d)).transpose()?;
                Some(self.evaluate(node, &subscription.with, input, Extra::default())?)
            }
            None => None,
        };
        let path = self.path(node);
        let id = self.state.fresh_listen(&path);
        let taken = vec![false; filters.len()];
        // Every event is wanted when the task asks for every event, whatever `until` asks for besides.
        let asked = if listen.filters.is_empty() { Vec::new() } else { filters.clone() };
        let pending = PendingListen { node, path: path.clone(), filters: asked, subscription };
        self.node_mut(node).activity = Activity::Listen(Box::new(Listening {
            id: Some(id.clone()),
            filters,
            taken,
            ..Listening::default()
        }));
        self.tell(Change::CorrelationStarted, &path);
        self.effects.push(listen_effect(&id, &pending));
        self.state.listens.insert(id, pending);
        if let Some(ms) = window {
            self.set_timer(node, Purpose::Consume, ms);
        }
        Ok(())
    }

    /// A filter with what it refers to fixed.
    fn filter(&self, node: NodeId, spec: &FilterSpec, input: &Value) -> Result<EventFilter, WorkflowError> {
        let rules = spec
            .rules
            .iter()
            .map(|(attribute, matcher)| {
                Ok(Rule { attribute: attribute.clone(), matcher: self.matcher(node, matcher, input)? })
            })
            .collect::<Result<_, WorkflowError>>()?;
        let correlation = |spec: &CorrelationSpec| {
            let from = Fixed::new(&spec.from, &|name| self.value(node, Extra::default(), name));
            let expect = spec.expect.as_ref();
            let expect = expect.map(|t| self.evaluate(node, t, input, Extra::default())).transpose()?;
            Ok(Correlation { name: spec.name.clone(), from, expect })
        };
        let correlate = spec.correlate.iter().map(correlation).collect::<Result<_, WorkflowError>>()?;
        Ok(EventFilter { rules, correlate })
    }

    fn matcher(&self, node: NodeId, spec: &MatcherSpec, input: &Value) -> Result<Matcher, WorkflowError> {
        Ok(match spec {
            MatcherSpec::Holds(expression) => {
                Matcher::Holds(Fixed::new(expression, &|name| self.value(node, Extra::default(), name)))
            }
            MatcherSpec::Text(text) => Matcher::Text(Pattern::from(text.clone())),
            MatcherSpec::Uri(template) => {
                Matcher::Equals(self.evaluate(node, template, input, Extra::default())?)
            }
            MatcherSpec::Equals(value) => Matcher::Equals(value.clone()),
            MatcherSpec::Mapping(pairs) => Matcher::Mapping(
                pairs.iter().map(|(k, m)| Ok((k.clone(), self.matcher(node, m, input)?))).collect::<Result<
                    _,
                    WorkflowError,
                >>(
                )?,
            ),
            MatcherSpec::List(items) => {
                Matcher::List(items.iter().map(|m| self.matcher(node, m, input)).collect::<Result<_, _>>()?)
            }
        })
    }

    fn listening(&mut self, node: NodeId) -> &mut Listening {
        match &mut self.node_mut(node).activity {
            Activity::Listen(listening) => listening,
            other => unreachable!("a listening task listens, it does not do {other:?}"),
        }
    }

    pub(super) fn event_received(&mut self, id: &str, event: &Value) {
        let Some(node) = self.state.listens.get(id).map(|l| l.node) else { return };
        let identity = match (event.get("source"), event.get("id")) {
            (Some(source), Some(id)) => {
                Some(format!("{id} {source}")).filter(|i| i.len() <= MAX_IDENTITY_BYTES)
            }
            _ => None,
        };
        let listening = self.listening(node);
        if let Some(identity) = identity {
            if listening.seen.contains(&identity) {
                return;
            }
            if listening.seen.len() >= MAX_SEEN {
                listening.seen.pop_front();
            }
            listening.seen.push_back(identity);
        }
        if let Err(error) = self.take_event(node, event) {
            self.state.moves.push_back(Move::Fail { node, error });
        }
    }

    fn take_event(&mut self, node: NodeId, event: &Value) -> Result<(), WorkflowError> {
        let definition = self.definition;
        let Some(Kind::Listen(listen)) = self.node(node).task.map(|t| &definition.task(t).kind) else {
            return Ok(());
        };
        if self.watch.dry.is_some() && dry::is_unknown(event) {
            self.take_unknown(node, listen, event);
            return Ok(());
        }
        let own = listen.filters.len();
        if let Stop::Consumed { all } = listen.stop
            && self.claim(node, own..own + listen.until.len(), true, event).is_some()
        {
            if !all || self.listening(node).taken[own..].iter().all(|t| *t) {
                self.close(node);
            }
            return Ok(());
        }
        let once = matches!(listen.stop, Stop::All);
        if own > 0 && self.claim(node, 0..own, once, event).is_none() {
            return Ok(());
        }
        let item = if listen.subscription.is_some() { event.clone() } else { read(event, listen.read) };
        let enough = match listen.stop {
            Stop::First => true,
            Stop::All => self.listening(node).taken[..own].iter().all(|t| *t),
            _ => false,
        };
        if listen.each.is_some() {
            let listening = self.listening(node);
            if listening.queue.len() >= MAX_QUEUED {
                return Err(WorkflowError::runtime(format!(
                    "more than {MAX_QUEUED} events wait for `foreach`; make its tasks faster, or listen to fewer events"
                )));
            }
            listening.queue.push_back(item);
            let amount = (listening.count as usize).saturating_add(listening.queue.len()) as u64
                + u64::from(listening.turn.is_some());
            if enough || matches!(listen.stop, Stop::Amount(n) if amount >= n) {
                self.stop_listening(node);
            }
            if self.listening(node).turn.is_none() {
                self.next_turn(node);
            }
            return Ok(());
        }
        self.keep(node, item, &listen.stop)?;
        if enough || self.stops(node, &listen.stop)? {
            self.close(node);
        }
        Ok(())
    }

    /// In a dry run one event stands for all that may come.
    fn take_unknown(&mut self, node: NodeId, listen: &Listen, event: &Value) {
        self.stop_listening(node);
        if listen.each.is_some() {
            self.listening(node).queue.push_back(event.clone());
            self.next_turn(node);
        } else {
            self.state.moves.push_back(Move::Done { node, output: event.clone(), then: None });
        }
    }

    /// The first of these filters that takes the event. Its correlations are fixed by that.
    fn claim(
        &mut self,
        node: NodeId,
        range: std::ops::Range<usize>,
        once: bool,
        event: &Value,
    ) -> Option<usize> {
        let Activity::Listen(listening) = &mut self.state.nodes.get_mut(&node)?.activity else { return None };
        for at in range {
            if once && listening.taken[at] || !matches(&listening.filters[at], event) {
                continue;
            }
            let Some(found) = listening.filters[at].correlations(event) else { continue };
            let known = &listening.correlated;
            if found.iter().any(|(name, value)| known.get(*name).is_some_and(|k| k != value)) {
                continue;
            }
            let found: Vec<_> = found.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
            listening.correlated.extend(found);
            listening.taken[at] = true;
            return Some(at);
        }
        None
    }

    /// Puts an output to those of the task.
    fn keep(&mut self, node: NodeId, output: Value, stop: &Stop) -> Result<(), WorkflowError> {
        let listening = self.listening(node);
        listening.count += 1;
        // Outputs of a task that never ends are never seen.
        if matches!(stop, Stop::Never) {
            return Ok(());
        }
        if listening.outputs.len() >= MAX_CONSUMED {
            return Err(WorkflowError::runtime(format!(
                "the task consumed more than {MAX_CONSUMED} events; end it earlier, or never (`until: ${{ false }}`) with `foreach`"
            )));
        }
        listening.outputs.push(output);
        Ok(())
    }

    /// Whether the condition to stop is met, after an event was dealt with.
    fn stops(&mut self, node: NodeId, stop: &Stop) -> Result<bool, WorkflowError> {
        let (condition, wanted) = match stop {
            Stop::Amount(amount) => return Ok(self.listening(node).count >= *amount),
            Stop::While(condition) => (condition, false),
            Stop::Until(condition) => (condition, true),
            _ => return Ok(false),
        };
        let outputs = Value::Array(std::mem::take(&mut self.listening(node).outputs));
        let result = self.evaluate_expression(node, condition, &outputs);
        if let Value::Array(outputs) = outputs {
            self.listening(node).outputs = outputs;
        }
        Ok(truthy(&result?) == wanted)
    }

    /// Takes no more events; the task ends when those it has are dealt with.
    fn close(&mut self, node: NodeId) {
        self.stop_listening(node);
        let listening = self.listening(node);
        if listening.turn.is_none() && listening.queue.is_empty() {
            let output = Value::Array(std::mem::take(&mut listening.outputs));
            self.state.moves.push_back(Move::Done { node, output, then: None });
        }
    }

    /// The time to consume messages is over.
    pub(super) fn stop_consuming(&mut self, node: NodeId) {
        self.close(node);
    }

    /// Gives up the node's listening, if it has any.
    pub(super) fn stop_listening(&mut self, node: NodeId) {
        let Some(active) = self.state.nodes.get_mut(&node) else { return };
        let Activity::Listen(listening) = &mut active.activity else { return };
        let Some(id) = listening.id.take() else { return };
        if let Some(pending) = self.state.listens.remove(&id) {
            self.tell(Change::CorrelationCompleted, &pending.path);
        }
        self.effects.push(Effect::Unlisten { id });
    }

    /// Begins `foreach` for the event that waits longest, or ends the task when none does and none is to come.
    fn next_turn(&mut self, node: NodeId) {
        let definition = self.definition;
        let Some(Kind::Listen(listen)) = self.node(node).task.map(|t| &definition.task(t).kind) else {
            return;
        };
        let Some(each) = &listen.each else { return };
        let first = self.state.steps.begun;
        let listening = self.listening(node);
        let Some(item) = listening.queue.pop_front() else {
            if listening.id.is_none() {
                self.close(node);
            }
            return;
        };
        listening.turn = Some(first);
        let variables = vec![(each.item.clone(), item.clone()), (each.at.clone(), listening.count.into())];
        let body = self.scope_node(node, List::Each, Some(variables));
        self.state.moves.push_back(Move::Next { sequence: body, input: item });
    }

    /// The tasks of `foreach` were done for one event.
    pub(super) fn turn_done(&mut self, scope: NodeId, output: Value) {
        let node = self.node(scope).parent.expect("a scope has an owner");
        if let Err(error) = self.end_turn(node, scope, output) {
            self.state.moves.push_back(Move::Fail { node, error });
        }
    }

    fn end_turn(&mut self, node: NodeId, scope: NodeId, output: Value) -> Result<(), WorkflowError> {
        let definition = self.definition;
        let Some(Kind::Listen(listen)) = self.node(node).task.map(|t| &definition.task(t).kind) else {
            return Ok(());
        };
        let Some(each) = &listen.each else { return Ok(()) };
        let given = self.give(scope, &each.output, &each.export, output);
        self.release(scope);
        self.state.nodes.remove(&scope);
        let undoable: Vec<String> =
            self.state.inverses.iter().filter(|i| i.scopes.contains(&scope)).map(|i| i.key.clone()).collect();
        let begun = self.state.steps.begun;
        let listening = self.listening(node);
        let since = listening.turn.take().unwrap_or(begun);
        listening.turns.push_back(undoable);
        let old = if listening.turns.len() > MAX_TURNS { listening.turns.pop_front() } else { None };
        // Events drive this, no loop of the document does: its steps do not count towards the bound of a run.
        let steps = &mut self.state.steps;
        // A turn inside a turn was taken off already.
        steps.uncounted = (steps.uncounted + begun - since).min(begun);
        if let Some(old) = old {
            // What a turn so long ago did is final; a run that listens for years must not carry it along.
            self.state.inverses.retain(|i| !old.contains(&i.key));
        }
        self.keep(node, given?, &listen.stop)?;
        if self.listening(node).id.is_some() && self.stops(node, &listen.stop)? {
            // Events that came before it was enough are not part of it any more.
            self.listening(node).queue.clear();
            self.close(node);
            return Ok(());
        }
        self.next_turn(node);
        Ok(())
    }
}
