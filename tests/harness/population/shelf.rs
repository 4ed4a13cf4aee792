//! The disk of one participant. Records are the same bytes wherever they lie, so a row keeps only
//! what surrounds them: ten thousand disks then fit where one would.

use std::{collections::BTreeMap, ops::Bound};

use muttr_core::machine::{Batch, Kept, Need, Row, Scan, Table, Write};

use super::records::Records;

#[derive(Debug)]
enum Value {
    Whole(Box<[u8]>),
    /// What stands before a record, and where it ends; the record; what stands after it.
    Around {
        number: u32,
        split: u8,
        rest: Box<[u8]>,
    },
}

impl Value {
    fn pack(bytes: &[u8], records: &Records) -> Self {
        let Some((number, from, until)) = records.within(bytes) else {
            return Self::Whole(bytes.into());
        };
        let split = u8::try_from(from).expect("a record is looked for at the beginning");
        Self::Around {
            number,
            split,
            rest: [&bytes[..from], &bytes[until..]].concat().into(),
        }
    }

    fn unpack(&self, records: &Records) -> Vec<u8> {
        match self {
            Self::Whole(bytes) => bytes.to_vec(),
            Self::Around {
                number,
                split,
                rest,
            } => {
                let (before, after) = rest.split_at(usize::from(*split));
                [before, records.at(*number).bytes(), after].concat()
            }
        }
    }
}

/// What a batch changed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) came: Vec<u32>,
    pub(super) went: Vec<u32>,
}

/// One disk.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    rows: BTreeMap<(Table, Vec<u8>), Value>,
}

impl Shelf {
    /// The numbers of all records that lie here.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        let of_records = self
            .rows
            .range((Table::Record, Vec::new())..)
            .take_while(|((table, _), _)| *table == Table::Record);
        of_records.filter_map(|(_, value)| match value {
            Value::Around { number, .. } => Some(*number),
            Value::Whole(_) => None,
        })
    }

    /// Whether a record lies here.
    pub(super) fn has(&self, key: &[u8]) -> bool {
        self.rows.contains_key(&(Table::Record, key.to_vec()))
    }

    /// Does all of a batch or nothing.
    pub(super) fn keep(&mut self, batch: Batch, records: &Records) -> (Kept, Changes) {
        let mut changes = Changes::default();
        let holds = |need: &Need| match need {
            Need::Absent(table, key) => !self.rows.contains_key(&(*table, key.clone())),
            Need::Equal(table, key, value) => self
                .rows
                .get(&(*table, key.clone()))
                .is_some_and(|row| row.unpack(records) == *value),
        };
        if !batch.needs.iter().all(holds) {
            return (Kept::Conflict, changes);
        }
        for write in batch.writes {
            match write {
                Write::Put(table, row) => {
                    let value = Value::pack(&row.value, records);
                    let number = number_of(table, &value);
                    let before = self.rows.insert((table, row.key), value);
                    if before.is_none() {
                        changes.came.extend(number);
                    }
                }
                Write::Delete(table, key) => {
                    let value = self.rows.remove(&(table, key));
                    changes
                        .went
                        .extend(value.and_then(|value| number_of(table, &value)));
                }
            }
        }
        (Kept::Ok, changes)
    }

    pub(super) fn recall(&self, scan: &Scan, records: &Records) -> Vec<Row> {
        let from = Bound::Included((scan.table, scan.from.clone()));
        let rows = self.rows.range((from, Bound::Unbounded));
        let rows = rows.take_while(|((table, key), _)| {
            *table == scan.table && (scan.to.is_empty() || *key < scan.to)
        });
        let rows = rows.take(scan.rows_max as usize);
        rows.map(|((_, key), value)| Row {
            key: key.clone(),
            value: value.unpack(records),
        })
        .collect()
    }
}

fn number_of(table: Table, value: &Value) -> Option<u32> {
    match value {
        Value::Around { number, .. } if table == Table::Record => Some(*number),
        Value::Around { .. } | Value::Whole(_) => None,
    }
}
