//! What a tab must not do, in builds that are never shipped: it says that things are kept, and
//! writes them a while later. Whoever is killed in between has broken their word, which is what
//! the test that kills tabs has to notice.

use std::time::Duration;

use futures_timer::Delay;
use wasm_bindgen::JsValue;

/// A page that sets this has a hasty disk.
const WANTED: &str = "muttrHaste";
/// How long writing comes after saying so.
const LATER_MS: u64 = 2_000;

/// Whether the page wants it.
pub(super) fn is_wanted() -> bool {
    let wanted = js_sys::Reflect::get(&js_sys::global(), &WANTED.into());
    wanted.is_ok_and(|wanted| wanted == JsValue::TRUE)
}

/// Waits until it is time to write.
pub(super) async fn dawdle() {
    Delay::new(Duration::from_millis(LATER_MS)).await;
}
