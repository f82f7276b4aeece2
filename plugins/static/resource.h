#pragma once

#include <persona/sdk/stream.hpp>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "plugins/static/accept.h"

namespace persona::pages {

/// A response that is ready to be sent as it stands.
class Answer {
  public:
    Answer(unsigned status, sdk::Headers fields, std::shared_ptr<const std::string> body);
    void send(const sdk::Stream& s) const;

  private:
    unsigned status_;
    std::unique_ptr<const sdk::Headers> fields_;  // does not move: the views point into it
    std::vector<psn_header> views_;
    std::shared_ptr<const std::string> body_;
};

/// One body and the fields that go with it, in each content coding, with its conditional answers.
/// All of them are made in the constructor; serving copies nothing but what the host sends.
class Resource {
  public:
    struct Bodies {
        std::string identity, gzip, brotli;  ///< a coding that is not shorter stays empty
    };
    /// `fields`: what 200 and 304 share. `content_type` goes to answers with a body.
    /// `etag` false: no validator, so no 304 (the support document).
    Resource(unsigned status, const sdk::Headers& fields, const std::string& content_type,
             Bodies bodies, bool etag = true, bool ranges = false);
    void serve(const sdk::Stream& s) const;
    [[nodiscard]] const std::string& body() const { return *identity_; }

  private:
    struct Variant {
        std::string etag;
        Answer whole, not_modified;
    };
    void servePart(const sdk::Stream& s, const Range& range) const;
    void makeUnsatisfiable(const sdk::Headers& fields);
    std::array<std::optional<Variant>, 3> variants_;  // by Encoding
    std::shared_ptr<const std::string> identity_;
    sdk::Headers part_fields_;
    std::optional<Answer> unsatisfiable_;  // 416; where there are ranges
    const bool etag_, ranges_;
};

/// The body with the codings that make it shorter.
[[nodiscard]] Resource::Bodies compressed(std::string body);

/// Strong ETag: a hash of the octets, quoted.
[[nodiscard]] std::string etagOf(std::string_view body);

}  // namespace persona::pages
