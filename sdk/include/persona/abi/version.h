/* Version of the binary interface between persona-host and its plugins.
 *
 * A plugin loads when its major equals the host's and its minor is not newer. Everything optional
 * is found at run time by extension id (host->get_extension), never by widening a struct that
 * exists; a table that has to change gets a new id ("psn.log/2") and the old one stays.
 *
 * Changes
 *   1.0  2026-11  first: psn.http-service/1 and psn.http-filter/1 are stable; psn.heuristic is a
 * draft. Host extensions: psn.log/1 psn.stream/1 psn.counters/1 psn.timer/1 psn.executor/1
 *                 psn.http-client/1 psn.metrics/1 psn.clock/1; options through psn.config/1.
 *       2026-11  optional, so no new minor: psn.thread-check/1 (host), psn.self-check/1 (offered by
 *                 instances); drafts psn.heuristics/draft-1, psn.rates/draft-1 and
 * psn.metric-series/draft-1 (host), psn.counter-backend/draft-1 (a kind of plugin). Said more
 *                 exactly, layout unchanged: a filter's reply and abort take effect when its call
 * has returned; resume() takes CONTINUE or FAIL; PSN_FILTER_BODY_BUFFER holds responses too, and
 * their head with them; a paused piece of a body waits with its filter. PSN_FORWARD_HIDE_REPORT, a
 *                 flag that older hosts do not look at.
 *       2026-12  said more exactly, layout unchanged: spans of over 30 days count as that;
 *                 resume_reply() refuses what respond() refuses, and the pause goes on;
 *                 psn.http-client/1 refuses what could not stand in one request.
 */
#pragma once

#define PSN_ABI_MAGIC 0x314e5350u /* "PSN1", little endian */
#define PSN_ABI_MAJOR 1
#define PSN_ABI_MINOR 0
