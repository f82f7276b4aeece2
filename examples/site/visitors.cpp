#include "examples/site/visitors.h"

namespace persona::examples {

namespace {
constexpr std::size_t kMaxSessions = 1'000, kMaxItems = 100, kMaxText = 200;
}

void Visitors::signIn(const std::string& id, const std::string& email) {
    const std::lock_guard<std::mutex> lock(mutex_);
    sessions_[id] = email;
    order_.push_back(id);
    if (order_.size() > kMaxSessions) {
        sessions_.erase(order_.front());
        order_.pop_front();
    }
    if (lists_.size() > kMaxSessions) lists_.erase(lists_.begin());
}

void Visitors::signOut(const std::string& id) {
    const std::lock_guard<std::mutex> lock(mutex_);
    sessions_.erase(id);
    order_.remove(id);
}

std::string Visitors::emailOf(const std::string& id) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = sessions_.find(id);
    return found == sessions_.end() ? std::string() : found->second;
}

std::vector<Visitors::Item> Visitors::items(const std::string& email) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = lists_.find(email);
    return found == lists_.end() ? std::vector<Item>() : found->second;
}

void Visitors::add(const std::string& email, const std::string& text) {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto& list = lists_[email];
    if (!text.empty() && text.size() <= kMaxText && list.size() < kMaxItems)
        list.push_back({text, false});
}

void Visitors::toggle(const std::string& email, std::size_t index) {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto& list = lists_[email];
    if (index < list.size()) list[index].done = !list[index].done;
}

}  // namespace persona::examples
