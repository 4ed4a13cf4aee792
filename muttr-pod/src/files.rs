//! How many connections the system lets this process have: each is an open file.

use muttr_core::limit;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of open files as far as the system allows it without privileges. By habit
/// systems begin with 1,024, for the sake of programs that are older than such numbers.
pub fn allow_many() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::debug!(%error, "the limit of open files stays");
            current
        }
    };
    if let Some(files) = files.filter(|files| *files < u64::from(limit::POD_CONNECTIONS_MAX)) {
        tracing::warn!(
            files,
            "the system allows few open files, so few connections"
        );
    }
}
