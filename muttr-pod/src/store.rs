//! Where a machine's rows lie: `Keep` and `Recall`, one after another, durable before answered.

use std::future::Future;

use muttr_core::machine::{Batch, Input, Kept, Output, Row, Scan, Ticket};
use tokio::sync::mpsc;

pub mod sqlite;

/// Operations that share one transaction, and so one sync of the disk.
const GROUP_OPS_MAX: usize = 256;
/// Bytes of writes after which a group takes in nothing more.
const GROUP_BYTES_MAX: usize = 8 << 20;

/// One storage request of a machine.
#[derive(Debug)]
pub enum Op {
    /// Write all of a batch, or nothing.
    Keep(Batch),
    /// Read rows.
    Recall(Scan),
}

/// What became of an [`Op`].
#[derive(Debug, PartialEq, Eq)]
pub enum Done {
    /// Of [`Op::Keep`].
    Kept(Kept),
    /// Of [`Op::Recall`]; `None` when the disk failed.
    Recalled(Option<Vec<Row>>),
}

/// A database.
pub trait Store: Send + 'static {
    /// Carries out the operations in their order, each seeing those before it. What is returned
    /// as [`Kept::Ok`] survives a power cut. One operation's failure is not another's.
    fn run(&mut self, ops: &[Op]) -> impl Future<Output = Vec<Done>> + Send;

    /// Lets go of the database.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// Splits a machine's output into a storage request, or gives it back.
///
/// # Errors
/// The output itself, when it is none.
pub fn request<E>(output: Output<E>) -> Result<(Ticket, Op), Output<E>> {
    match output {
        Output::Keep(ticket, batch) => Ok((ticket, Op::Keep(batch))),
        Output::Recall(ticket, scan) => Ok((ticket, Op::Recall(scan))),
        other => Err(other),
    }
}

/// What a machine is told about a finished operation.
#[must_use]
pub fn report<C>(ticket: Ticket, done: Done) -> Input<C> {
    match done {
        Done::Kept(kept) => Input::Kept(ticket, kept),
        Done::Recalled(rows) => Input::Recalled(ticket, rows),
    }
}

/// Serves requests until nobody can make any more, taking as many at once as are waiting.
pub async fn serve<S: Store>(
    mut store: S,
    mut requests: mpsc::UnboundedReceiver<(Ticket, Op)>,
    reports: mpsc::UnboundedSender<(Ticket, Done)>,
) {
    while let Some((ticket, op)) = requests.recv().await {
        let (mut tickets, mut bytes) = (vec![ticket], size(&op));
        let mut ops = vec![op];
        while ops.len() < GROUP_OPS_MAX
            && bytes < GROUP_BYTES_MAX
            && let Ok((ticket, op)) = requests.try_recv()
        {
            bytes += size(&op);
            tickets.push(ticket);
            ops.push(op);
        }
        for report in tickets.into_iter().zip(store.run(&ops).await) {
            if reports.send(report).is_err() {
                break;
            }
        }
    }
    store.close().await;
}

fn size(op: &Op) -> usize {
    use muttr_core::machine::Write;
    let Op::Keep(batch) = op else { return 0 };
    let sizes = batch.writes.iter().map(|write| match write {
        Write::Put(_, row) => row.value.len(),
        Write::Delete(..) => 0,
    });
    sizes.sum()
}
