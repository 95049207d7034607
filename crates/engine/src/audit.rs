//! The audit log: a chain of rows, each with the hash of the one before it.

use model::{AuditEntry, AuditRow};
use ports::{Expected, Op};

use crate::command::Asker;
use crate::situation::{Effects, Situation};

/// Name of the audit journal.
pub const AUDIT: &str = "audit";

impl Situation {
    /// Appends to the audit chain.
    pub(crate) fn audit(&mut self, entry: AuditEntry, effects: &mut Effects) {
        let (rows, hash) =
            self.audit_head.as_ref().map_or((0, AuditRow::GENESIS), |row| (row.sequence, row.hash.as_str()));
        let expected = if rows == 0 { Expected::Absent } else { Expected::Exactly(rows) };
        let row = AuditRow::chain(rows + 1, hash, entry);
        let record = serde_json::to_value(&row).expect("an audit row is plain data");
        effects.ops.push(Op::Append { journal: AUDIT.to_owned(), expected, records: vec![record] });
        self.audit_head = Some(row);
        self.audit_grew = true;
    }

    /// The machine's own line in the audit log.
    pub(crate) fn audit_own(
        &mut self,
        action: &str,
        subject: &str,
        details: serde_json::Value,
        correlation: Option<model::CorrelationId>,
        effects: &mut Effects,
    ) {
        let entry = AuditEntry {
            at: self.now,
            actor: model::Actor::System,
            action: action.to_owned(),
            subject: subject.to_owned(),
            details,
            correlation_id: correlation,
        };
        self.audit(entry, effects);
    }

    /// A person's line in the audit log.
    pub(crate) fn audit_asked(
        &mut self,
        asker: &Asker,
        action: &str,
        subject: &str,
        details: serde_json::Value,
        effects: &mut Effects,
    ) {
        let entry = AuditEntry {
            at: self.now,
            actor: asker.actor.clone(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            details,
            correlation_id: None,
        };
        self.audit(entry, effects);
    }
}
