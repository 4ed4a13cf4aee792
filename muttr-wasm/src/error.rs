//! How a refusal and a crash get into JavaScript.

use std::cell::OnceCell;

use js_sys::Function;
use muttr_core::rejection::Rejection;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

/// What a function of this crate throws: the code, which the facade makes a `MuttrError` of.
pub(crate) fn thrown(rejection: Rejection) -> JsValue {
    JsValue::from_str(rejection.code())
}

thread_local! {
    static DIED: OnceCell<Function> = const { OnceCell::new() };
}

/// Has `died` called with the place of the panic, once this instance met one. After that nothing
/// of it may be used again: the next call would run on whatever the panic left behind.
#[wasm_bindgen(js_name = watchForDeath)]
pub fn watch_for_death(died: Function) {
    DIED.with(|cell| {
        // The first watcher stays: there is one facade to one instance.
        let _ = cell.set(died);
    });
    std::panic::set_hook(Box::new(|info| {
        // The place alone: a panic's message may quote what it was working on.
        let place = info
            .location()
            .map_or_else(String::new, ToString::to_string);
        DIED.with(|cell| {
            if let Some(died) = cell.get() {
                let _ = died.call1(&JsValue::UNDEFINED, &place.into());
            }
        });
    }));
}
