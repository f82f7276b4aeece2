#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/net/resolver.h"

/// What the engine is told at start: plain values, filled by host/config from the YAML.
namespace persona::host::net {

using std::chrono::milliseconds;

/// Certificate and key in PEM files; both are read again when the files change (Engine::reloadTls).
struct TlsServerSettings {
    std::string certificate_file;  ///< chain, leaf first
    std::string key_file;
    std::string client_ca_file;  ///< not empty: clients must show a certificate of this CA
};

struct TlsClientSettings {
    std::string ca_file;      ///< empty: the system's trust store
    bool system_too = false;  ///< the system's trust store beside ca_file
    std::string certificate_file, key_file;
    std::string server_name;  ///< empty: the host of the address
};

/// Every limit has its own status and its own counter (`engine.limit.<name>`).
struct Limits {
    std::uint32_t header_bytes = 16 * 1024;  ///< request line and fields; 431
    std::uint32_t header_fields = 100;       ///< 431
    std::uint64_t body_bytes = 1024 * 1024;  ///< where the route names no bound; 413
    milliseconds header_deadline{10'000};    ///< first octet to end of head, in total; 408
    milliseconds idle_timeout{15'000};       ///< between requests; closed
    milliseconds write_timeout{10'000};      ///< no octet taken by the client; closed
    std::uint32_t body_min_rate = 500;       ///< octets per second, over each body_grace; 408
    milliseconds body_grace{2'000};
    std::uint32_t connections = 16'000;             ///< of this listener
    std::uint32_t connections_per_address = 4'096;  ///< IPv4 /32 or IPv6 /64; closed at accept
    std::uint32_t requests_per_connection = 0;      ///< 0: no bound
};

enum class ForwardedHeader { XForwardedFor, Forwarded };

struct ListenerSettings {
    std::string name;     ///< unique; label in logs and metrics
    std::string address;  ///< "127.0.0.1:10002", "[::1]:80", ":80" (all), or "unix:/path"
    std::string service;  ///< id of the service that gets the requests
    std::uint32_t unix_mode = 0660;
    std::optional<TlsServerSettings> tls;
    Limits limits;
    /// CIDRs, or "unix", of the peers whose `forwarded_header` is believed.
    std::vector<std::string> trusted_proxies;
    /// The one field that those proxies write; the other is the client's own and is ignored.
    ForwardedHeader forwarded_header = ForwardedHeader::XForwardedFor;
    std::vector<std::string>
        own_authorities;  ///< accepted in absolute-form; empty: as the Host field
};

struct UpstreamSettings {
    std::string name;
    std::vector<std::string> addresses;  ///< "http://host:port", "https://...", "unix:/path"
    std::optional<TlsClientSettings> tls;
    milliseconds connect_timeout{2'000};
    milliseconds first_byte_timeout{15'000};
    milliseconds total_timeout{60'000};
    /// Kept connections are closed after it: before the peer does (its idle_timeout is 15 s), so
    /// that no request meets a connection that is just being closed.
    milliseconds idle_timeout{10'000};
    std::uint32_t max_connections = 256;  ///< per loop, to all addresses together
    std::uint32_t max_queue = 1'024;      ///< requests waiting for a connection, per loop; 503
    // With several addresses:
    std::uint32_t eject_after = 5;    ///< failures or 5xx in a row
    milliseconds ejection{10'000};    ///< left out for so long, longer each time
    milliseconds slow_start{10'000};  ///< from a tenth of its share to all of it
    std::string health_path = "/__heartbeat__";
    milliseconds health_interval{5'000};  ///< asked of every address; 0: never
};

struct EngineSettings {
    /// Of requests by URL: names and chains are always verified; `ca_file` is trusted beside the
    /// system's store.
    TlsClientSettings outbound;
    ResolveFn resolve;        ///< empty: the system's; for tests
    std::uint32_t loops = 0;  ///< 0: one per core
    /// False: no thread is made; whoever owns the engine calls Engine::turn(), as a fuzzer does
    /// that wants the same to happen each time.
    bool own_threads = true;
    milliseconds drain_timeout{30'000};
    std::vector<ListenerSettings> listeners;
    std::vector<UpstreamSettings> upstreams;
};

}  // namespace persona::host::net
