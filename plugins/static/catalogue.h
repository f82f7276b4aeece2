#pragma once

#include <kainjow/mustache.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "libs/protocol/json.h"
#include "libs/protocol/result.h"

/// Message catalogues: locales/<tag>.json, flat objects of dotted names (frontend.md 4.3, 7).
namespace persona::pages {

class Catalogue {
  public:
    /// `english` fills what `text` leaves out or leaves empty. `fixed` replaces {name} in every
    /// message, now. Errors name the file.
    static Result<Catalogue> parse(const std::string& tag, std::string_view text,
                                   const protocol::Json* english,
                                   const std::map<std::string, std::string>& fixed);
    /// The pseudo-locale: English with accents and brackets, a third longer, placeholders kept.
    static Catalogue pseudo(const std::string& tag, const protocol::Json& english,
                            const std::map<std::string, std::string>& fixed);

    [[nodiscard]] const std::string& tag() const { return tag_; }
    [[nodiscard]] bool rightToLeft() const;
    /// "dialog.email.title" as {{t.dialog.email.title}}; plural messages are for scripts only.
    [[nodiscard]] kainjow::mustache::data templates() const;
    /// The messages under `js.`, as JSON that may stand inside a <script> element.
    [[nodiscard]] std::string scripts() const;

  private:
    Catalogue(std::string tag, protocol::Json messages)
        : tag_(std::move(tag)), messages_(std::move(messages)) {}
    std::string tag_;
    protocol::Json messages_;
};

}  // namespace persona::pages
