//! A heuristic in Rust, with nothing but the compiler: adds weight to requests whose body is larger than `limit`.
//! The structures are those of persona/abi, field by field.
//!
//! rustc --edition 2021 --crate-type cdylib -C panic=abort -C opt-level=2 big_body.rs -o big-body.so
#![allow(non_camel_case_types)]

use std::os::raw::{c_char, c_void};

type psn_rc = u32;
const PSN_OK: psn_rc = 0;
const PSN_FAIL: psn_rc = 1;
const PSN_OPT_SIZE: u32 = 6;
const PSN_VERDICT_ABSTAIN: u32 = 0;
const PSN_VERDICT_TAG: u32 = 2;

#[repr(C)]
#[derive(Clone, Copy)]
struct psn_str {
    p: *const c_char,
    n: usize,
}
const fn text(s: &'static str) -> psn_str {
    psn_str { p: s.as_ptr() as *const c_char, n: s.len() }
}

#[repr(C)]
struct psn_err {
    buf: *mut c_char,
    cap: u32,
    len: u32,
}

#[repr(C)]
struct psn_host {
    struct_size: u32,
    abi_major: u16,
    abi_minor: u16,
    name: psn_str,
    version: psn_str,
    get_extension: extern "C" fn(*const psn_host, psn_str) -> *const c_void,
    reserved: *mut c_void,
}

enum psn_config {}

#[repr(C)]
struct psn_config_api {
    struct_size: u32,
    reserved: u32,
    get_string: extern "C" fn(*const psn_config, psn_str, *mut psn_str) -> psn_rc,
    get_int: extern "C" fn(*const psn_config, psn_str, *mut i64) -> psn_rc,
    // What follows is not used here; the table is only read.
}

#[repr(C)]
struct psn_option {
    name: psn_str,
    kind: u32,
    flags: u32,
    def: psn_str,
    choices: psn_str,
    min: i64,
    max: i64,
    doc: psn_str,
}

#[repr(C)]
struct psn_facts {
    struct_size: u32,
    session_class: u32,
    method: psn_str,
    path: psn_str,
    route: psn_str,
    client_address: psn_str,
    prefix_key: [u64; 3],
    account_key: u64,
    domain_key: u64,
    origin_key: u64,
    body_length: i64,
    now_ns: i64,
    stream: *mut c_void,
}

#[repr(C)]
struct psn_verdict {
    struct_size: u32,
    kind: u32,
    weight: u32,
    delay_ms: u32,
    retry_after_ms: u32,
    level: u32,
    reason: psn_str,
}

struct Instance {
    limit: i64,
}

#[repr(C)]
struct psn_heuristic_factory {
    struct_size: u32,
    option_count: u32,
    options: *const psn_option,
    create: extern "C" fn(*const psn_host, *const psn_config, *mut *mut Instance, *mut psn_err) -> psn_rc,
    activate: extern "C" fn(*mut Instance, *mut psn_err) -> psn_rc,
    deactivate: extern "C" fn(*mut Instance),
    destroy: extern "C" fn(*mut Instance),
    evaluate: extern "C" fn(*mut Instance, *const psn_facts, *mut psn_verdict) -> psn_rc,
    observe: Option<extern "C" fn(*mut Instance, *const psn_facts, *const c_void)>,
}

#[repr(C)]
pub struct psn_plugin_entry {
    magic: u32,
    abi_major: u16,
    abi_minor: u16,
    struct_size: u32,
    reserved: u32,
    manifest: psn_str,
    init: extern "C" fn(*const psn_host, *mut psn_err) -> psn_rc,
    deinit: extern "C" fn(),
    get_factory: extern "C" fn(psn_str) -> *const c_void,
}

// Tables of pointers to constants: nothing in them ever changes.
unsafe impl Sync for psn_plugin_entry {}
unsafe impl Sync for psn_heuristic_factory {}
unsafe impl Sync for psn_option {}

fn fail(err: *mut psn_err, why: &str) -> psn_rc {
    unsafe {
        if !err.is_null() && !(*err).buf.is_null() {
            let n = why.len().min((*err).cap as usize);
            std::ptr::copy_nonoverlapping(why.as_ptr() as *const c_char, (*err).buf, n);
            (*err).len = n as u32;
        }
    }
    PSN_FAIL
}

extern "C" fn create(
    host: *const psn_host,
    config: *const psn_config,
    out: *mut *mut Instance,
    err: *mut psn_err,
) -> psn_rc {
    unsafe {
        let api = ((*host).get_extension)(host, text("psn.config/1")) as *const psn_config_api;
        if api.is_null() {
            return fail(err, "the host lacks psn.config/1");
        }
        let mut limit = 0;
        if ((*api).get_int)(config, text("limit"), &mut limit) != PSN_OK {
            return fail(err, "option limit is not there");
        }
        *out = Box::into_raw(Box::new(Instance { limit }));
    }
    PSN_OK
}
extern "C" fn activate(_: *mut Instance, _: *mut psn_err) -> psn_rc {
    PSN_OK
}
extern "C" fn deactivate(_: *mut Instance) {}
extern "C" fn destroy(instance: *mut Instance) {
    drop(unsafe { Box::from_raw(instance) });
}

extern "C" fn evaluate(instance: *mut Instance, facts: *const psn_facts, out: *mut psn_verdict) -> psn_rc {
    unsafe {
        (*out).kind = PSN_VERDICT_ABSTAIN;
        if (*facts).body_length > (*instance).limit {
            (*out).kind = PSN_VERDICT_TAG;
            (*out).weight = 50;
            (*out).reason = text("big-body");
        }
    }
    PSN_OK
}

static OPTIONS: [psn_option; 1] = [psn_option {
    name: text("limit"),
    kind: PSN_OPT_SIZE,
    flags: 0,
    def: text("8KiB"),
    choices: text(""),
    min: 0,
    max: 0,
    doc: text("bodies over it weigh, octets"),
}];

static FACTORY: psn_heuristic_factory = psn_heuristic_factory {
    struct_size: std::mem::size_of::<psn_heuristic_factory>() as u32,
    option_count: 1,
    options: &OPTIONS as *const psn_option,
    create,
    activate,
    deactivate,
    destroy,
    evaluate,
    observe: None,
};

extern "C" fn init(_: *const psn_host, _: *mut psn_err) -> psn_rc {
    PSN_OK
}
extern "C" fn deinit() {}
extern "C" fn get_factory(id: psn_str) -> *const c_void {
    let name = unsafe { std::slice::from_raw_parts(id.p as *const u8, id.n) };
    if name == b"psn.heuristic/draft-1" {
        &FACTORY as *const psn_heuristic_factory as *const c_void
    } else {
        std::ptr::null()
    }
}

static ENTRY: psn_plugin_entry = psn_plugin_entry {
    magic: 0x314e_5350,
    abi_major: 1,
    abi_minor: 0,
    struct_size: std::mem::size_of::<psn_plugin_entry>() as u32,
    reserved: 0,
    manifest: text(
        r#"{"id":"big-body","version":"1.0","vendor":"Persona","maturity":"beta","kinds":["heuristic"]}"#,
    ),
    init,
    deinit,
    get_factory,
};

#[no_mangle]
pub extern "C" fn psn_plugin_entry_v1() -> *const psn_plugin_entry {
    &ENTRY
}
