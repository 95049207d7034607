//! Holding a run, letting it go on, and putting a revised state in its place.

use super::Machine;
use crate::event::{Change, Effect, RevisionNote};
use crate::snapshot::Snapshot;
use crate::state::{Activity, Move, PendingTimer, Phase, Purpose, State, call_effect, listen_effect};

impl Machine<'_> {
    /// From now on no call is asked for. Answers are taken, and what needs no call goes on. Waits and the pauses
    /// between attempts run on by the clock and take effect when the run goes on; timeouts stand still, because a
    /// run must not fail for having been held.
    pub(super) fn pause(&mut self) {
        if self.state.phase == Phase::Running && self.state.paused_at.is_none() {
            self.state.paused_at = Some(self.state.now);
            self.tell(Change::Suspended, "");
        }
    }

    pub(super) fn resume(&mut self) {
        let Some(since) = self.state.paused_at.take() else { return };
        self.tell(Change::Resumed, "");
        let now = self.state.now;
        for node in self.state.nodes.values_mut() {
            if let Activity::Try { since: first, .. } = &mut node.activity {
                *first = first.plus_ms(now.since_ms(since.max(*first)));
            }
        }
        self.shift_timeouts(since);
        let mut due: Vec<_> =
            self.state.timers.iter().filter(|(_, t)| t.due).map(|(id, t)| (t.at, id.clone())).collect();
        due.sort_unstable();
        self.state.moves.extend(due.into_iter().map(|(_, timer)| Move::Fire { timer }));
        self.ask_held();
    }

    /// Timeouts get the time back for which the run was held.
    fn shift_timeouts(&mut self, since: model::Timestamp) {
        let now = self.state.now;
        let standing: Vec<(String, PendingTimer)> =
            self.state.timers.extract_if(.., |_, t| t.purpose == Purpose::Timeout).collect();
        for (_, timer) in standing {
            let Some(node) = self.state.nodes.get(&timer.node) else { continue };
            let at = timer.at.plus_ms(now.since_ms(since.max(node.started_at)));
            let path = self.path(timer.node);
            let effect = self.state.add_timer(&path, PendingTimer { at, due: false, ..timer });
            self.effects.push(effect);
        }
    }

    fn ask_held(&mut self) {
        for (key, call) in self.state.calls.iter_mut().filter(|(_, c)| !c.asked) {
            call.asked = true;
            self.effects.push(call_effect(key, call));
        }
    }

    /// A person changed the course of the run: the state they saw is put in place, and what differs from
    /// what the outside was told before is told now.
    pub(super) fn revised(&mut self, note: &RevisionNote, by: &str, snapshot: &Snapshot) {
        let now = self.state.now;
        let fresh = self.state.phase == Phase::Pending;
        let before: State = std::mem::replace(self.state, snapshot.state().clone());
        self.state.now = self.state.now.max(now);
        self.tell(Change::Revised, note.path());
        for (key, call) in self.state.calls.iter().filter(|(_, c)| c.node.is_none() && c.undoes.is_none()) {
            if before.calls.get(key).is_some_and(|c| c.asked && c.node.is_some()) {
                debug_assert!(call.asked, "only calls that were asked for are abandoned");
                self.effects.push(Effect::Abandon { key: key.clone() });
            }
        }
        let timers = self.state.timers.iter().filter(|(id, t)| !t.due && !before.timers.contains_key(*id));
        self.effects.extend(timers.map(|(id, t)| Effect::Timer { id: id.clone(), at: t.at }));
        for id in before.listens.keys().filter(|id| !self.state.listens.contains_key(*id)) {
            self.effects.push(Effect::Unlisten { id: id.clone() });
        }
        let listens = self.state.listens.iter().filter(|(id, _)| !before.listens.contains_key(*id));
        self.effects.extend(listens.map(|(id, l)| listen_effect(id, l)));
        if self.state.paused_at.is_none() {
            self.ask_held();
        }
        let state = &*self.state;
        if let Some(recorder) = self.watch.recorder.as_deref_mut() {
            if fresh {
                recorder.begins_at(state);
            }
            recorder.revised(note, by, &state.open_steps(), now);
        }
    }
}
