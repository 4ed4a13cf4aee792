//! Tables that last as long as the program, for where there is no IndexedDB.

use std::collections::BTreeMap;

use muttr_core::machine::{Batch, Kept, Need, Row, Scan, Table, Write};

/// The same promises as IndexedDB's, short of durability.
#[derive(Default)]
pub(super) struct Memory(BTreeMap<Table, BTreeMap<Vec<u8>, Vec<u8>>>);

impl Memory {
    pub(super) fn keep(&mut self, batch: &Batch) -> Kept {
        let holds = |need: &Need| match need {
            Need::Absent(table, key) => self.get(*table, key).is_none(),
            Need::Equal(table, key, value) => self.get(*table, key) == Some(value),
        };
        if !batch.needs.iter().all(holds) {
            return Kept::Conflict;
        }
        for write in &batch.writes {
            match write {
                Write::Put(table, Row { key, value }) => {
                    self.0
                        .entry(*table)
                        .or_default()
                        .insert(key.clone(), value.clone());
                }
                Write::Delete(table, key) => {
                    self.0.entry(*table).or_default().remove(key);
                }
            }
        }
        Kept::Ok
    }

    pub(super) fn recall(&self, scan: &Scan) -> Vec<Row> {
        let rows = self.0.get(&scan.table).into_iter().flatten();
        rows.filter(|(key, _)| **key >= scan.from && (scan.to.is_empty() || **key < scan.to))
            .take(scan.rows_max as usize)
            .map(|(key, value)| Row {
                key: key.clone(),
                value: value.clone(),
            })
            .collect()
    }

    fn get(&self, table: Table, key: &[u8]) -> Option<&Vec<u8>> {
        self.0.get(&table)?.get(key)
    }
}
