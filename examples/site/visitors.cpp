#include "examples/site/visitors.h"

#include <algorithm>

namespace persona::examples {

namespace {
constexpr std::size_t kMaxSessions = 1'000, kMaxItems = 100, kMaxText = 200;
}

void Visitors::signIn(const std::string& id, const std::string& email) {
    const std::lock_guard<std::mutex> lock(mutex_);
    sessions_[id] = email;
    order_.push_back(id);
    if (order_.size() <= kMaxSessions) return;
    const auto oldest = sessions_.find(order_.front());
    const auto gone = oldest->second;
    sessions_.erase(oldest);
    order_.pop_front();
    if (!isSignedIn(gone)) lists_.erase(gone);
}

bool Visitors::isSignedIn(const std::string& email) const {
    return std::any_of(sessions_.begin(), sessions_.end(),
                       [&](const auto& session) { return session.second == email; });
}

/// At most 1,000 people are signed in, and whoever gets a list now is one of them: of 1,000 who
/// have one, somebody has left.
void Visitors::makeRoom() {
    if (lists_.size() < kMaxSessions) return;
    const auto left = std::find_if(lists_.begin(), lists_.end(),
                                   [this](const auto& list) { return !isSignedIn(list.first); });
    if (left != lists_.end()) lists_.erase(left);
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
    if (text.empty() || text.size() > kMaxText) return;
    if (lists_.find(email) == lists_.end()) makeRoom();
    auto& list = lists_[email];
    if (list.size() < kMaxItems) list.push_back({text, false});
}

void Visitors::toggle(const std::string& email, std::size_t index) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto list = lists_.find(email);
    if (list != lists_.end() && index < list->second.size())
        list->second[index].done = !list->second[index].done;
}

}  // namespace persona::examples
