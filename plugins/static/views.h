#pragma once

#include <map>
#include <string>
#include <vector>

#include "plugins/static/catalogue.h"
#include "plugins/static/policy.h"

namespace persona::pages {

/// A page that is rendered from views/<name>.mustache. `script`: its bundle, or empty.
struct View {
    const char* path;
    const char* name;
    const char* script;
    PagePolicy policy;
};

/// Every page of frontend.md 4.1 with a path of its own; the legal pages are apart.
[[nodiscard]] const std::vector<View>& views();
/// tos, privacy, embedded_tos, embedded_privacy: /<language>/<name>.
[[nodiscard]] const std::vector<View>& legalViews();
/// The page behind every unknown path.
[[nodiscard]] const View& missingView();

/// Renders templates with one locale's texts.
class Renderer {
  public:
    /// `templates`: name -> text. `assets`: logical name ("dialog.js") -> URL.
    Renderer(std::map<std::string, std::string> templates,
             std::map<std::string, std::string> assets, std::string service_name,
             std::string public_url);
    /// Throws std::runtime_error naming the template and the fault, such as an unknown message.
    [[nodiscard]] std::string render(const View& view, const Catalogue& texts);

  private:
    [[nodiscard]] const std::string& source(const std::string& name) const;
    /// What all pages of a language have in common.
    [[nodiscard]] kainjow::mustache::data dataOf(const Catalogue& texts) const;
    std::map<std::string, std::string> templates_, assets_;
    std::string service_name_, public_url_;
    std::map<std::string, kainjow::mustache::data> data_;  // by language tag
};

}  // namespace persona::pages
