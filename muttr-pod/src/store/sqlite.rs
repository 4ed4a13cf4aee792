//! SQLite: one connection, one writer, a write-ahead log that is synced with every commit.

use std::path::Path;

use muttr_core::machine::{Kept, Need, Row, Scan, Table, Write};
use sqlx::{
    ConnectOptions as _, Connection as _, Row as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{Done, Op, Store};

/// Result code of a full disk or a full quota (sqlite.org/rescode.html).
const SQLITE_FULL: &str = "13";
/// Bytes of a page, SQLite's own default, fixed here because the quota is counted in it.
const PAGE_BYTES: u32 = 4096;
/// As many pages as SQLite can count.
const PAGES_MAX: u64 = 0xffff_fffe;

/// When a commit is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Commit {
    /// Once the disk has it: a power cut takes nothing back that was kept.
    #[default]
    Synced,
    /// Once it is written: a power cut takes the last ones back. No setting leads here; it is for
    /// tests that have to see what a loss looks like.
    Written,
}

/// A database file.
#[derive(Debug)]
pub struct Sqlite {
    connection: SqliteConnection,
}

/// Why an operation had no effect.
enum Trouble {
    Conflict,
    Disk(sqlx::Error),
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Disk(error)
    }
}

impl Sqlite {
    /// Opens a database, making or migrating it where needed. It takes at most `bytes_max`.
    ///
    /// # Errors
    /// When the file cannot be opened, is no database, or is newer than this program.
    pub async fn open(path: &Path, bytes_max: Option<u64>) -> Result<Self, sqlx::Error> {
        Self::open_to(path, bytes_max, Commit::Synced).await
    }

    /// The same, with commits that may be done sooner.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_to(
        path: &Path,
        bytes_max: Option<u64>,
        commit: Commit,
    ) -> Result<Self, sqlx::Error> {
        let pages = bytes_max.map_or(PAGES_MAX, |max| max / u64::from(PAGE_BYTES));
        let mut connection = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .page_size(PAGE_BYTES)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(match commit {
                Commit::Synced => SqliteSynchronous::Full,
                Commit::Written => SqliteSynchronous::Normal,
            })
            .pragma("max_page_count", pages.to_string())
            .disable_statement_logging()
            .connect()
            .await?;
        sqlx::migrate!("migrations/sqlite")
            .run(&mut connection)
            .await?;
        Ok(Self { connection })
    }

    /// All operations in one transaction.
    async fn group(&mut self, ops: &[Op]) -> Result<Vec<Done>, sqlx::Error> {
        let writes = ops.iter().any(|op| matches!(op, Op::Keep(_)));
        self.say(if writes { "BEGIN IMMEDIATE" } else { "BEGIN" })
            .await?;
        let done = match self.each(ops).await {
            Ok(done) => self.say("COMMIT").await.map(|()| done),
            Err(error) => Err(error),
        };
        if done.is_err() {
            // Fails when SQLite took everything back by itself, as it does when it is full; which
            // is why this is not left to sqlx, who would count on the transaction being there.
            let _ = self.say("ROLLBACK").await;
        }
        done
    }

    async fn say(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        sqlx::query(statement)
            .execute(&mut self.connection)
            .await
            .map(|_| ())
    }

    async fn each(&mut self, ops: &[Op]) -> Result<Vec<Done>, sqlx::Error> {
        let connection = &mut self.connection;
        let mut done = Vec::with_capacity(ops.len());
        for op in ops {
            done.push(match op {
                Op::Keep(batch) => match keep(connection, &batch.needs, &batch.writes).await {
                    Ok(()) => Done::Kept(Kept::Ok),
                    Err(Trouble::Conflict) => Done::Kept(Kept::Conflict),
                    Err(Trouble::Disk(error)) => return Err(error),
                },
                Op::Recall(scan) => Done::Recalled(Some(recall(connection, scan).await?)),
            });
        }
        Ok(done)
    }
}

impl Store for Sqlite {
    async fn run(&mut self, ops: &[Op]) -> Vec<Done> {
        if let Ok(done) = self.group(ops).await {
            return done;
        }
        // Someone in the group failed. Each for itself, so that the others do not suffer for it.
        let mut done = Vec::with_capacity(ops.len());
        for op in ops {
            done.push(match self.group(std::slice::from_ref(op)).await {
                Ok(mut one) => one.remove(0),
                Err(error) => failed(op, &error),
            });
        }
        done
    }

    async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "the database was not closed cleanly; nothing is lost");
        }
    }
}

fn failed(op: &Op, error: &sqlx::Error) -> Done {
    let code = error.as_database_error().and_then(|error| error.code());
    let full = code.is_some_and(|code| code == SQLITE_FULL);
    tracing::error!(%error, "the database refused");
    match op {
        Op::Keep(_) if full => Done::Kept(Kept::Full),
        Op::Keep(_) => Done::Kept(Kept::Failed),
        Op::Recall(_) => Done::Recalled(None),
    }
}

/// All needs are looked at before the first write, so a conflict has nothing to take back.
async fn keep(
    connection: &mut SqliteConnection,
    needs: &[Need],
    writes: &[Write],
) -> Result<(), Trouble> {
    for need in needs {
        let (table, key, wanted) = match need {
            Need::Absent(table, key) => (*table, key, None),
            Need::Equal(table, key, value) => (*table, key, Some(value)),
        };
        let found: Option<Vec<u8>> = sqlx::query_scalar(sql(table).get)
            .bind(key)
            .fetch_optional(&mut *connection)
            .await?;
        if found.as_ref() != wanted {
            return Err(Trouble::Conflict);
        }
    }
    for write in writes {
        match write {
            Write::Put(table, Row { key, value }) => {
                let put = sqlx::query(sql(*table).put).bind(key).bind(value);
                put.execute(&mut *connection).await?;
            }
            Write::Delete(table, key) => {
                sqlx::query(sql(*table).delete)
                    .bind(key)
                    .execute(&mut *connection)
                    .await?;
            }
        }
    }
    Ok(())
}

async fn recall(connection: &mut SqliteConnection, scan: &Scan) -> Result<Vec<Row>, sqlx::Error> {
    let sql = sql(scan.table);
    let rows = if scan.to.is_empty() {
        sqlx::query(sql.from)
            .bind(&scan.from)
            .bind(scan.rows_max)
            .fetch_all(connection)
            .await?
    } else {
        let query = sqlx::query(sql.from_to)
            .bind(&scan.from)
            .bind(&scan.to)
            .bind(scan.rows_max);
        query.fetch_all(connection).await?
    };
    rows.iter()
        .map(|row| {
            Ok(Row {
                key: row.try_get(0)?,
                value: row.try_get(1)?,
            })
        })
        .collect()
}

/// The statements of one table.
struct Sql {
    get: &'static str,
    put: &'static str,
    delete: &'static str,
    from: &'static str,
    from_to: &'static str,
}

macro_rules! statements {
    ($($table:ident = $name:literal),* $(,)?) => {
        const fn sql(table: Table) -> Sql {
            match table {
                $(Table::$table => Sql {
                    get: concat!("SELECT value FROM ", $name, " WHERE key = ?"),
                    put: concat!(
                        "INSERT INTO ", $name, " (key, value) VALUES (?, ?) ",
                        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                    ),
                    delete: concat!("DELETE FROM ", $name, " WHERE key = ?"),
                    from: concat!(
                        "SELECT key, value FROM ", $name, " WHERE key >= ? ORDER BY key LIMIT ?",
                    ),
                    from_to: concat!(
                        "SELECT key, value FROM ", $name,
                        " WHERE key >= ? AND key < ? ORDER BY key LIMIT ?",
                    ),
                },)*
            }
        }
    };
}

// The names are those of `Table::name`.
statements! {
    Setting = "setting",
    Record = "record",
    Binding = "binding",
    Mailbox = "mailbox",
    Notification = "notification",
    Inbox = "inbox",
    Outbox = "outbox",
    Message = "message",
    Seen = "seen",
    Contact = "contact",
    Capability = "capability",
    Outgoing = "outgoing",
    Pod = "pod",
    Watch = "watch",
}
