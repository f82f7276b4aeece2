#pragma once

#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace persona::examples {

/// Who is signed in to the site, and their lists. In memory; any thread.
class Visitors {
  public:
    /// Remembers a session under its random id. The oldest of 1,000 goes, and with it the list of
    /// somebody who has no other.
    void signIn(const std::string& id, const std::string& email);
    void signOut(const std::string& id);
    [[nodiscard]] std::string emailOf(const std::string& id) const;  ///< empty: nobody

    struct Item {
        std::string text;
        bool done = false;
    };
    [[nodiscard]] std::vector<Item> items(const std::string& email) const;
    /// At most 100 items of 200 octets each, and 1,000 lists: the list of somebody who signed out
    /// goes for another one.
    void add(const std::string& email, const std::string& text);
    void toggle(const std::string& email, std::size_t index);

  private:
    [[nodiscard]] bool isSignedIn(const std::string& email) const;
    void makeRoom();
    mutable std::mutex mutex_;
    std::map<std::string, std::string> sessions_;
    std::list<std::string> order_;
    std::map<std::string, std::vector<Item>> lists_;
};

}  // namespace persona::examples
