//! Tables in IndexedDB: one object store each, binary keys, binary values.

use indexed_db_futures::{
    Build as _, BuildPrimitive as _, KeyRange,
    database::Database,
    error::{DomException, Error, OpenDbError},
    object_store::ObjectStore,
    query_source::QuerySource as _,
    transaction::{Transaction, TransactionDurability, TransactionMode, TransactionOptions},
};
use js_sys::Uint8Array;
use muttr_core::machine::{Batch, Kept, Need, Row, Scan, Write};
use wasm_bindgen::JsValue;

use super::schema;

/// An open database.
pub(super) struct Indexed {
    name: String,
    database: Option<Database>,
}

/// Why a transaction came to nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The origin may not store that much.
    Full,
    /// Everything else.
    Failed,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::DomException(DomException::Other(other)) if is_quota(&other.name()) => {
                Self::Full
            }
            _ => Self::Failed,
        }
    }
}

impl From<OpenDbError> for Trouble {
    fn from(error: OpenDbError) -> Self {
        match error {
            OpenDbError::Base(error) => error.into(),
            _ => Self::Failed,
        }
    }
}

fn is_quota(name: &str) -> bool {
    name == "QuotaExceededError"
}

impl Indexed {
    pub(super) async fn open(name: &str) -> Result<Self, Trouble> {
        let database = Some(open(name).await?);
        Ok(Self {
            name: name.to_owned(),
            database,
        })
    }

    /// Does all of the batches in one transaction; each holds or conflicts by itself.
    pub(super) async fn keep(&mut self, batches: &[&Batch]) -> Result<Vec<Kept>, Trouble> {
        match keep(self.database().await?, batches).await {
            Err(Trouble::Failed) => {
                // Browsers drop the handle of a page in the background; a new one works.
                self.close();
                keep(self.database().await?, batches).await
            }
            other => other,
        }
    }

    /// Reads rows, with one more attempt on a new handle.
    pub(super) async fn recall(&mut self, scan: &Scan) -> Result<Vec<Row>, Trouble> {
        match recall(self.database().await?, scan).await {
            Err(_) => {
                self.close();
                recall(self.database().await?, scan).await
            }
            rows => rows,
        }
    }

    /// Does what browsers do to a page in the background.
    #[cfg(test)]
    pub(super) async fn drop_handle(&mut self) {
        let closed = open(&self.name).await.expect("opens");
        closed.clone().close();
        self.database = Some(closed);
    }

    fn close(&mut self) {
        if let Some(database) = self.database.take() {
            database.close();
        }
    }

    async fn database(&mut self) -> Result<&Database, Trouble> {
        let database = match self.database.take() {
            Some(database) => database,
            None => open(&self.name).await?,
        };
        Ok(self.database.insert(database))
    }
}

impl Drop for Indexed {
    fn drop(&mut self) {
        self.close();
    }
}

async fn open(name: &str) -> Result<Database, Trouble> {
    let database = Database::open(name)
        .with_version(schema::VERSION)
        .with_on_upgrade_needed(|event, database| {
            for table in schema::missing_since(event.old_version() as u32) {
                database.create_object_store(table.name()).build()?;
            }
            Ok(())
        })
        .await?;
    Ok(database)
}

async fn keep(database: &Database, batches: &[&Batch]) -> Result<Vec<Kept>, Trouble> {
    let tables = batches.iter().flat_map(|batch| {
        let needs = batch.needs.iter().map(|need| match need {
            Need::Absent(table, _) | Need::Equal(table, _, _) => *table,
        });
        let writes = batch.writes.iter().map(|write| match write {
            Write::Put(table, _) | Write::Delete(table, _) => *table,
        });
        needs.chain(writes)
    });
    let mut tables: Vec<_> = tables.collect();
    tables.sort_unstable();
    tables.dedup();
    if tables.is_empty() {
        return Ok(vec![Kept::Ok; batches.len()]);
    }
    let names: Vec<_> = tables.iter().map(|table| table.name()).collect();
    let options = TransactionOptions::new().with_durability(TransactionDurability::Strict);
    let transaction = database
        .transaction(names)
        .with_mode(TransactionMode::Readwrite)
        .with_options(options)
        .build()?;
    let done = transaction.on_done()?;
    let mut kept = Vec::with_capacity(batches.len());
    for batch in batches {
        kept.push(keep_one(&transaction, batch).await?);
    }
    // With nothing left to ask, the browser commits; `complete` comes once it is on the disk.
    if done.await.is_ok() {
        Ok(kept)
    } else {
        Err(failure_of(&transaction))
    }
}

async fn keep_one(transaction: &Transaction<'_>, batch: &Batch) -> Result<Kept, Trouble> {
    for need in &batch.needs {
        let holds = match need {
            Need::Absent(table, key) => get(&transaction.object_store(table.name())?, key)
                .await?
                .is_none(),
            Need::Equal(table, key, value) => {
                get(&transaction.object_store(table.name())?, key)
                    .await?
                    .as_ref()
                    == Some(value)
            }
        };
        if !holds {
            return Ok(Kept::Conflict);
        }
    }
    for write in &batch.writes {
        match write {
            Write::Put(table, row) => {
                let store = transaction.object_store(table.name())?;
                drop(
                    store
                        .put(bytes(&row.value))
                        .with_key(bytes(&row.key))
                        .primitive()?,
                );
            }
            Write::Delete(table, key) => {
                let store = transaction.object_store(table.name())?;
                drop(
                    store
                        .delete::<JsValue, _>(KeyRange::Only(bytes(key)))
                        .primitive()?,
                );
            }
        }
    }
    Ok(Kept::Ok)
}

fn failure_of(transaction: &Transaction<'_>) -> Trouble {
    transaction.error().map_or(Trouble::Failed, Trouble::from)
}

async fn get(store: &ObjectStore<'_>, key: &[u8]) -> Result<Option<Vec<u8>>, Trouble> {
    let key = KeyRange::Only(bytes(key));
    let value = store.get::<JsValue, JsValue, _>(key).primitive()?.await?;
    Ok(value.map(|value| Uint8Array::new(&value).to_vec()))
}

async fn recall(database: &Database, scan: &Scan) -> Result<Vec<Row>, Trouble> {
    if !scan.to.is_empty() && scan.to <= scan.from {
        return Ok(Vec::new());
    }
    let transaction = database.transaction(scan.table.name()).build()?;
    let store = transaction.object_store(scan.table.name())?;
    let range = if scan.to.is_empty() {
        KeyRange::LowerBound(bytes(&scan.from), false)
    } else {
        KeyRange::Bound(bytes(&scan.from), false, bytes(&scan.to), true)
    };
    let keys = store
        .get_all_keys::<JsValue>()
        .with_query::<JsValue, _>(range.clone())
        .with_limit(scan.rows_max);
    let values = store
        .get_all::<JsValue>()
        .with_query::<JsValue, _>(range)
        .with_limit(scan.rows_max);
    let (keys, values) = (keys.primitive()?, values.primitive()?);
    let (keys, values) = (keys.await?, values.await?);
    let rows = keys.zip(values).map(|(key, value)| {
        let (key, value) = (Uint8Array::new(&key?), Uint8Array::new(&value?));
        Ok(Row {
            key: key.to_vec(),
            value: value.to_vec(),
        })
    });
    rows.collect::<Result<_, Error>>().map_err(Trouble::from)
}

fn bytes(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}
