#pragma once

/* Sizes and offsets of everything that crosses the border, on 64-bit Linux. A line that fails here
 * means that plugins which are out there would break: add a new table with a new id instead. */
#include <stddef.h>

#include <persona/abi/config.h>
#include <persona/abi/ext/clock.h>
#include <persona/abi/ext/counters.h>
#include <persona/abi/ext/draft/heuristic.h>
#include <persona/abi/ext/draft/heuristics.h>
#include <persona/abi/ext/draft/rates.h>
#include <persona/abi/ext/executor.h>
#include <persona/abi/ext/http_client.h>
#include <persona/abi/ext/log.h>
#include <persona/abi/ext/metrics.h>
#include <persona/abi/ext/self_check.h>
#include <persona/abi/ext/thread_check.h>
#include <persona/abi/ext/timer.h>
#include <persona/abi/host.h>
#include <persona/abi/http_filter.h>
#include <persona/abi/http_service.h>
#include <persona/abi/plugin.h>
#include <persona/abi/stream.h>
#include <persona/abi/types.h>
#include <persona/abi/version.h>

#ifdef __cplusplus
#define CHECK(what) static_assert(what, #what)
#else
#define CHECK(what) _Static_assert(what, #what)
#endif
#define SIZE(type, n) CHECK(sizeof(type) == (n))
#define AT(type, member, n) CHECK(offsetof(type, member) == (n))

/* clang-format off */
SIZE(psn_option, 88);
AT(psn_option, name, 0);
AT(psn_option, type, 16);
AT(psn_option, flags, 20);
AT(psn_option, def, 24);
AT(psn_option, choices, 40);
AT(psn_option, min, 56);
AT(psn_option, max, 64);
AT(psn_option, doc, 72);
SIZE(psn_config_api, 56);
AT(psn_config_api, struct_size, 0);
AT(psn_config_api, reserved, 4);
AT(psn_config_api, get_string, 8);
AT(psn_config_api, get_int, 16);
AT(psn_config_api, get_double, 24);
AT(psn_config_api, list_size, 32);
AT(psn_config_api, list_at, 40);
AT(psn_config_api, is_set, 48);
SIZE(psn_clock_api, 32);
AT(psn_clock_api, struct_size, 0);
AT(psn_clock_api, reserved, 4);
AT(psn_clock_api, wall_ms, 8);
AT(psn_clock_api, monotonic_ns, 16);
AT(psn_clock_api, random, 24);
SIZE(psn_counter_spec, 16);
AT(psn_counter_spec, struct_size, 0);
AT(psn_counter_spec, slots, 4);
AT(psn_counter_spec, window_ms, 8);
AT(psn_counter_spec, ttl_ms, 12);
SIZE(psn_counter_value, 16);
AT(psn_counter_value, count, 0);
AT(psn_counter_value, flag, 8);
AT(psn_counter_value, age_ms, 12);
SIZE(psn_counters_api, 48);
AT(psn_counters_api, struct_size, 0);
AT(psn_counters_api, reserved, 4);
AT(psn_counters_api, open, 8);
AT(psn_counters_api, add, 16);
AT(psn_counters_api, get, 24);
AT(psn_counters_api, set_flag, 32);
AT(psn_counters_api, erase, 40);
SIZE(psn_facts, 144);
AT(psn_facts, struct_size, 0);
AT(psn_facts, session_class, 4);
AT(psn_facts, method, 8);
AT(psn_facts, path, 24);
AT(psn_facts, route, 40);
AT(psn_facts, client_address, 56);
AT(psn_facts, prefix_key, 72);
AT(psn_facts, account_key, 96);
AT(psn_facts, domain_key, 104);
AT(psn_facts, origin_key, 112);
AT(psn_facts, body_length, 120);
AT(psn_facts, now_ns, 128);
AT(psn_facts, stream, 136);
SIZE(psn_verdict, 40);
AT(psn_verdict, struct_size, 0);
AT(psn_verdict, kind, 4);
AT(psn_verdict, weight, 8);
AT(psn_verdict, delay_ms, 12);
AT(psn_verdict, retry_after_ms, 16);
AT(psn_verdict, level, 20);
AT(psn_verdict, reason, 24);
SIZE(psn_outcome, 16);
AT(psn_outcome, struct_size, 0);
AT(psn_outcome, status, 4);
AT(psn_outcome, code, 8);
AT(psn_outcome, cost_us, 12);
SIZE(psn_heuristic_factory, 64);
AT(psn_heuristic_factory, struct_size, 0);
AT(psn_heuristic_factory, option_count, 4);
AT(psn_heuristic_factory, options, 8);
AT(psn_heuristic_factory, create, 16);
AT(psn_heuristic_factory, activate, 24);
AT(psn_heuristic_factory, deactivate, 32);
AT(psn_heuristic_factory, destroy, 40);
AT(psn_heuristic_factory, evaluate, 48);
AT(psn_heuristic_factory, observe, 56);
SIZE(psn_heuristic_info, 72);
AT(psn_heuristic_info, struct_size, 0);
AT(psn_heuristic_info, deny_on_error, 4);
AT(psn_heuristic_info, id, 8);
AT(psn_heuristic_info, plugin, 24);
AT(psn_heuristic_info, version, 40);
AT(psn_heuristic_info, hash, 56);
SIZE(psn_heuristics_api, 40);
AT(psn_heuristics_api, struct_size, 0);
AT(psn_heuristics_api, reserved, 4);
AT(psn_heuristics_api, count, 8);
AT(psn_heuristics_api, describe, 16);
AT(psn_heuristics_api, evaluate, 24);
AT(psn_heuristics_api, observe, 32);
SIZE(psn_rate_spec, 16);
AT(psn_rate_spec, struct_size, 0);
AT(psn_rate_spec, slots, 4);
AT(psn_rate_spec, persist, 8);
AT(psn_rate_spec, reserved, 12);
SIZE(psn_rate_limit, 8);
AT(psn_rate_limit, interval_ms, 0);
AT(psn_rate_limit, burst, 4);
SIZE(psn_rate_answer, 16);
AT(psn_rate_answer, allowed, 0);
AT(psn_rate_answer, retry_after_ms, 4);
AT(psn_rate_answer, spent_ms, 8);
AT(psn_rate_answer, reserved, 12);
SIZE(psn_rates_api, 48);
AT(psn_rates_api, struct_size, 0);
AT(psn_rates_api, reserved, 4);
AT(psn_rates_api, open, 8);
AT(psn_rates_api, take, 16);
AT(psn_rates_api, peek, 24);
AT(psn_rates_api, charge, 32);
AT(psn_rates_api, forget, 40);
SIZE(psn_self_check_plugin, 16);
AT(psn_self_check_plugin, struct_size, 0);
AT(psn_self_check_plugin, reserved, 4);
AT(psn_self_check_plugin, check, 8);
SIZE(psn_thread_check_api, 16);
AT(psn_thread_check_api, struct_size, 0);
AT(psn_thread_check_api, reserved, 4);
AT(psn_thread_check_api, current, 8);
SIZE(psn_executor_api, 24);
AT(psn_executor_api, struct_size, 0);
AT(psn_executor_api, reserved, 4);
AT(psn_executor_api, submit, 8);
AT(psn_executor_api, may_block, 16);
SIZE(psn_client_request, 120);
AT(psn_client_request, struct_size, 0);
AT(psn_client_request, flags, 4);
AT(psn_client_request, upstream, 8);
AT(psn_client_request, url, 24);
AT(psn_client_request, method, 40);
AT(psn_client_request, target, 56);
AT(psn_client_request, headers, 72);
AT(psn_client_request, header_count, 80);
AT(psn_client_request, reserved, 84);
AT(psn_client_request, body, 88);
AT(psn_client_request, max_body, 104);
AT(psn_client_request, deadline_ms, 112);
SIZE(psn_client_response, 40);
AT(psn_client_response, struct_size, 0);
AT(psn_client_response, status, 4);
AT(psn_client_response, headers, 8);
AT(psn_client_response, header_count, 16);
AT(psn_client_response, reserved, 20);
AT(psn_client_response, body, 24);
SIZE(psn_http_client_api, 16);
AT(psn_http_client_api, struct_size, 0);
AT(psn_http_client_api, reserved, 4);
AT(psn_http_client_api, send, 8);
SIZE(psn_log_api, 24);
AT(psn_log_api, struct_size, 0);
AT(psn_log_api, reserved, 4);
AT(psn_log_api, enabled, 8);
AT(psn_log_api, write, 16);
SIZE(psn_metrics_api, 40);
AT(psn_metrics_api, struct_size, 0);
AT(psn_metrics_api, reserved, 4);
AT(psn_metrics_api, declare, 8);
AT(psn_metrics_api, add, 16);
AT(psn_metrics_api, set, 24);
AT(psn_metrics_api, observe, 32);
SIZE(psn_timer_api, 24);
AT(psn_timer_api, struct_size, 0);
AT(psn_timer_api, reserved, 4);
AT(psn_timer_api, start, 8);
AT(psn_timer_api, cancel, 16);
SIZE(psn_host, 56);
AT(psn_host, struct_size, 0);
AT(psn_host, abi_major, 4);
AT(psn_host, abi_minor, 6);
AT(psn_host, name, 8);
AT(psn_host, version, 24);
AT(psn_host, get_extension, 40);
AT(psn_host, reserved, 48);
SIZE(psn_filter_body, 24);
AT(psn_filter_body, request_mode, 0);
AT(psn_filter_body, response_mode, 4);
AT(psn_filter_body, request_max, 8);
AT(psn_filter_body, response_max, 16);
SIZE(psn_summary, 96);
AT(psn_summary, struct_size, 0);
AT(psn_summary, status, 4);
AT(psn_summary, request_bytes, 8);
AT(psn_summary, response_bytes, 16);
AT(psn_summary, duration_ns, 24);
AT(psn_summary, upstream_ns, 32);
AT(psn_summary, route, 40);
AT(psn_summary, upstream, 56);
AT(psn_summary, local_reply, 72);
AT(psn_summary, aborted, 88);
AT(psn_summary, reserved, 92);
SIZE(psn_http_filter_factory, 112);
AT(psn_http_filter_factory, struct_size, 0);
AT(psn_http_filter_factory, option_count, 4);
AT(psn_http_filter_factory, options, 8);
AT(psn_http_filter_factory, create, 16);
AT(psn_http_filter_factory, activate, 24);
AT(psn_http_filter_factory, deactivate, 32);
AT(psn_http_filter_factory, destroy, 40);
AT(psn_http_filter_factory, body_modes, 48);
AT(psn_http_filter_factory, open, 56);
AT(psn_http_filter_factory, on_request_headers, 64);
AT(psn_http_filter_factory, on_request_body, 72);
AT(psn_http_filter_factory, on_response_headers, 80);
AT(psn_http_filter_factory, on_response_body, 88);
AT(psn_http_filter_factory, on_complete, 96);
AT(psn_http_filter_factory, get_extension, 104);
SIZE(psn_route, 88);
AT(psn_route, method, 0);
AT(psn_route, pattern, 16);
AT(psn_route, match, 32);
AT(psn_route, body, 36);
AT(psn_route, max_body, 40);
AT(psn_route, flags, 48);
AT(psn_route, id, 52);
AT(psn_route, name, 56);
AT(psn_route, executor, 72);
SIZE(psn_http_service_factory, 80);
AT(psn_http_service_factory, struct_size, 0);
AT(psn_http_service_factory, option_count, 4);
AT(psn_http_service_factory, options, 8);
AT(psn_http_service_factory, create, 16);
AT(psn_http_service_factory, activate, 24);
AT(psn_http_service_factory, deactivate, 32);
AT(psn_http_service_factory, destroy, 40);
AT(psn_http_service_factory, routes, 48);
AT(psn_http_service_factory, handle, 56);
AT(psn_http_service_factory, health, 64);
AT(psn_http_service_factory, get_extension, 72);
SIZE(psn_plugin_entry, 56);
AT(psn_plugin_entry, magic, 0);
AT(psn_plugin_entry, abi_major, 4);
AT(psn_plugin_entry, abi_minor, 6);
AT(psn_plugin_entry, struct_size, 8);
AT(psn_plugin_entry, reserved, 12);
AT(psn_plugin_entry, manifest, 16);
AT(psn_plugin_entry, init, 32);
AT(psn_plugin_entry, deinit, 40);
AT(psn_plugin_entry, get_factory, 48);
SIZE(psn_request, 184);
AT(psn_request, struct_size, 0);
AT(psn_request, origin, 4);
AT(psn_request, method, 8);
AT(psn_request, target, 24);
AT(psn_request, path, 40);
AT(psn_request, query, 56);
AT(psn_request, scheme, 72);
AT(psn_request, authority, 88);
AT(psn_request, client_address, 104);
AT(psn_request, peer_address, 120);
AT(psn_request, request_id, 136);
AT(psn_request, headers, 152);
AT(psn_request, header_count, 160);
AT(psn_request, has_body, 164);
AT(psn_request, content_length, 168);
AT(psn_request, received_ns, 176);
SIZE(psn_response, 40);
AT(psn_response, struct_size, 0);
AT(psn_response, status, 4);
AT(psn_response, headers, 8);
AT(psn_response, header_count, 16);
AT(psn_response, reserved, 20);
AT(psn_response, body, 24);
SIZE(psn_forward, 72);
AT(psn_forward, struct_size, 0);
AT(psn_forward, flags, 4);
AT(psn_forward, upstream, 8);
AT(psn_forward, target, 24);
AT(psn_forward, set_headers, 40);
AT(psn_forward, set_count, 48);
AT(psn_forward, remove_count, 52);
AT(psn_forward, remove_headers, 56);
AT(psn_forward, deadline_ms, 64);
SIZE(psn_stream_api, 216);
AT(psn_stream_api, struct_size, 0);
AT(psn_stream_api, reserved, 4);
AT(psn_stream_api, request, 8);
AT(psn_stream_api, header, 16);
AT(psn_stream_api, body, 24);
AT(psn_stream_api, respond, 32);
AT(psn_stream_api, start, 40);
AT(psn_stream_api, write, 48);
AT(psn_stream_api, read_body, 56);
AT(psn_stream_api, resume_read, 64);
AT(psn_stream_api, forward, 72);
AT(psn_stream_api, abort, 80);
AT(psn_stream_api, hold, 88);
AT(psn_stream_api, release, 96);
AT(psn_stream_api, is_gone, 104);
AT(psn_stream_api, set_request_header, 112);
AT(psn_stream_api, remove_request_header, 120);
AT(psn_stream_api, set_response_header, 128);
AT(psn_stream_api, add_response_header, 136);
AT(psn_stream_api, remove_response_header, 144);
AT(psn_stream_api, response_header, 152);
AT(psn_stream_api, response_status, 160);
AT(psn_stream_api, set_request_id, 168);
AT(psn_stream_api, pause_token, 176);
AT(psn_stream_api, resume, 184);
AT(psn_stream_api, resume_reply, 192);
AT(psn_stream_api, set_value, 200);
AT(psn_stream_api, get_value, 208);
SIZE(psn_str, 16);
AT(psn_str, p, 0);
AT(psn_str, n, 8);
SIZE(psn_header, 32);
AT(psn_header, name, 0);
AT(psn_header, value, 16);
SIZE(psn_err, 16);
AT(psn_err, buf, 0);
AT(psn_err, cap, 8);
AT(psn_err, len, 12);
/* clang-format on */
