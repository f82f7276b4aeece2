#include "plugins/antiabuse/state-redis/exchange.h"

#include <charconv>
#include <stdexcept>
#include <string_view>

namespace persona::state_redis {

namespace {

template <typename T>
T number(std::string_view text, int base = 10) {
    T out{};
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
    if (error != std::errc{} || at != text.data() + text.size())
        throw std::runtime_error("the server's answer has no number where one belongs");
    return out;
}

std::string hexOf(std::uint64_t n) {
    char text[17];
    const auto end = std::to_chars(text, text + 16, n, 16).ptr;
    return {text, end};
}

/// "TABLE:RULE:KEY".
std::string nameOf(const psn_shared_change& c) {
    return std::string(c.table.p, c.table.n) + ":" + std::to_string(c.rule) + ":" + hexOf(c.key);
}

void tell(std::string_view name, std::int64_t spent_ms, const psn_shared_exchange& e) {
    const auto key_at = name.rfind(':');
    if (key_at == std::string_view::npos || key_at == 0) return;
    const auto rule_at = name.rfind(':', key_at - 1);
    if (rule_at == std::string_view::npos) return;
    const psn_shared_value v{{name.data(), rule_at},
                             number<std::uint64_t>(name.substr(key_at + 1), 16),
                             spent_ms,
                             number<std::uint32_t>(name.substr(rule_at + 1, key_at - rule_at - 1)),
                             0};
    e.tell(e.user, &v);
}

}  // namespace

// ARGV: peer, fresh epoch, epoch of the caller, its cursor, then NAME DELTA AT_LEAST WINDOW each.
const std::string Script::kText = R"lua(
local p = KEYS[1]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function text(n) return string.format('%.0f', n) end
local function spent(name) return math.max(0, tonumber(redis.call('GET', p .. ':' .. name) or '0') - now) end
local epoch = redis.call('HGET', p, 'epoch')
if not epoch then
  epoch = ARGV[2]
  redis.call('DEL', p .. ':hot')
  redis.call('HSET', p, 'epoch', epoch, 'seq', '0')
end
local cursor = epoch == ARGV[3] and tonumber(ARGV[4]) or 0
local seq = tonumber(redis.call('HGET', p, 'seq'))
for i = 5, #ARGV, 4 do
  local name, delta, least, window = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local old = spent(name)
  local new = math.max(0, old + delta)
  if delta > 0 then new = math.max(old, math.min(new, 2 * window)) end
  new = math.max(new, least)
  if new >= 1 then redis.call('SET', p .. ':' .. name, text(now + new), 'PX', text(new))
  elseif old > 0 then redis.call('DEL', p .. ':' .. name) end
  if 2 * math.max(old, new) >= math.max(window, 1) then
    seq = seq + 1
    redis.call('ZADD', p .. ':hot', text(seq), name)
  end
end
redis.call('HSET', p, 'seq', text(seq))
redis.call('ZREMRANGEBYRANK', p .. ':hot', 0, -65537)
redis.call('ZADD', p .. ':peers', text(now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', p .. ':peers', '-inf', text(now - 5000))
local hot = redis.call('ZRANGEBYSCORE', p .. ':hot', '(' .. text(cursor), '+inf', 'WITHSCORES', 'LIMIT', 0, 4096)
local out = {epoch, text(seq), text(redis.call('ZCARD', p .. ':peers')), '0'}
for i = 1, #hot, 2 do
  out[#out + 1] = hot[i]
  out[#out + 1] = text(spent(hot[i]))
end
if #hot == 8192 then
  out[2] = hot[#hot]
  out[4] = '1'
end
return out
)lua";

Script::Script(std::string name) : name_(std::move(name)) {}

std::vector<std::string> Script::argumentsOf(const psn_shared_exchange& e, const std::string& peer,
                                             std::uint64_t fresh_epoch) const {
    std::vector<std::string> out{
        "1", name_, peer, hexOf(fresh_epoch), hexOf(e.epoch), std::to_string(e.cursor)};
    out.reserve(out.size() + 4 * e.change_count);
    for (std::uint32_t i = 0; i < e.change_count; ++i) {
        const auto& c = e.changes[i];
        out.push_back(nameOf(c));
        out.push_back(std::to_string(c.delta_ms));
        out.push_back(std::to_string(c.at_least_ms));
        out.push_back(std::to_string(c.window_ms));
    }
    return out;
}

void Script::read(const std::vector<std::string>& answer, psn_shared_exchange& e) {
    if (answer.size() < 4 || answer.size() % 2 != 0)
        throw std::runtime_error("the server's answer is not that of the script");
    e.epoch = number<std::uint64_t>(answer[0], 16);
    e.cursor = number<std::uint64_t>(answer[1]);
    e.peers = number<std::uint32_t>(answer[2]);
    e.more = number<std::uint32_t>(answer[3]);
    for (std::size_t i = 4; i + 1 < answer.size(); i += 2)
        tell(answer[i], number<std::int64_t>(answer[i + 1]), e);
}

}  // namespace persona::state_redis
