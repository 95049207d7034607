//! The state of a run as it is stored. Restoring gives exactly the state that was taken.

use serde::{Deserialize, Serialize};

use crate::state::State;

/// The form this version writes.
const VERSION: u32 = 1;

/// A stored state, with the version of its form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Snapshot {
    version: u32,
    state: State,
}

/// A snapshot before its version was looked at.
#[derive(Deserialize)]
struct Stored {
    version: u32,
    state: serde_json::Value,
}

impl TryFrom<Stored> for Snapshot {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        if stored.version != VERSION {
            return Err(format!(
                "the snapshot has form {}, this version reads form {VERSION}; fold the journal from its start, \
                 or run the version that wrote it",
                stored.version
            ));
        }
        let state =
            State::deserialize(stored.state).map_err(|e| format!("the snapshot cannot be read: {e}"))?;
        Ok(Self { version: VERSION, state })
    }
}

impl Snapshot {
    /// Takes the state as it is.
    #[must_use]
    pub fn of(state: &State) -> Self {
        Self { version: VERSION, state: state.clone() }
    }

    /// The state that was taken.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The state that was taken, to go on with.
    #[must_use]
    pub fn into_state(self) -> State {
        self.state
    }
}
