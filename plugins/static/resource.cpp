#include "plugins/static/resource.h"

#include <openssl/evp.h>

#include "libs/protocol/base64url.h"
#include "plugins/static/compress.h"

namespace persona::pages {

Answer::Answer(unsigned status, sdk::Headers fields, std::shared_ptr<const std::string> body)
    : status_(status),
      fields_(std::make_unique<const sdk::Headers>(std::move(fields))),
      body_(std::move(body)) {
    views_.reserve(fields_->size());
    for (const auto& [name, value] : *fields_) views_.push_back({sdk::abi(name), sdk::abi(value)});
}

void Answer::send(const sdk::Stream& s) const {
    const psn_response r{
        sizeof(psn_response), status_, views_.data(), static_cast<std::uint32_t>(views_.size()), 0,
        sdk::abi(*body_)};
    s.api().respond(s.raw(), &r);
}

Resource::Resource(unsigned status, const sdk::Headers& fields, const std::string& content_type,
                   Bodies bodies, bool etag, bool ranges)
    : etag_(etag), ranges_(ranges) {
    static const auto kEmpty = std::make_shared<const std::string>();
    const auto add = [&](Encoding coding, const char* name, std::string body) {
        if (body.empty() && coding != Encoding::Identity) return;
        sdk::Headers shared = fields;
        // Each coding is another sequence of octets, so a strong validator must tell them apart.
        std::string tag = etag ? etagOf(body) : std::string();
        if (etag) shared.emplace_back("ETag", tag);
        sdk::Headers whole{{"Content-Type", content_type}};
        if (*name != '\0') whole.emplace_back("Content-Encoding", name);
        if (ranges) whole.emplace_back("Accept-Ranges", "bytes");
        whole.insert(whole.end(), shared.begin(), shared.end());
        auto text = std::make_shared<const std::string>(std::move(body));
        if (coding == Encoding::Identity) {
            identity_ = text;
            part_fields_ = whole;
        }
        variants_[static_cast<std::size_t>(coding)].emplace(
            Variant{std::move(tag), Answer(status, std::move(whole), std::move(text)),
                    Answer(304, std::move(shared), kEmpty)});
    };
    add(Encoding::Identity, "", std::move(bodies.identity));
    add(Encoding::Gzip, "gzip", std::move(bodies.gzip));
    add(Encoding::Brotli, "br", std::move(bodies.brotli));
    if (ranges) makeUnsatisfiable(fields);
}

/// What the resource says of itself, but that the answer is kept by nobody.
void Resource::makeUnsatisfiable(const sdk::Headers& fields) {
    sdk::Headers refused{{"Content-Range", "bytes */" + std::to_string(identity_->size())}};
    for (const auto& [name, value] : fields)
        refused.emplace_back(name, name == "Cache-Control" ? "no-store" : value);
    unsatisfiable_.emplace(416, std::move(refused), std::make_shared<const std::string>());
}

void Resource::serve(const sdk::Stream& s) const {
    // A range counts octets of what is sent; ours are those of the plain body. It is for GET alone
    // (RFC 9110, 14.2).
    const auto range_field =
        ranges_ && s.method() == "GET" ? s.header("range") : std::string_view();
    const auto coding =
        range_field.empty()
            ? chooseEncoding(s.header("accept-encoding"),
                             variants_[static_cast<std::size_t>(Encoding::Gzip)].has_value(),
                             variants_[static_cast<std::size_t>(Encoding::Brotli)].has_value())
            : Encoding::Identity;
    const Variant& v = *variants_[static_cast<std::size_t>(coding)];
    if (etag_)
        if (const auto wanted = s.header("if-none-match");
            !wanted.empty() && matches(wanted, v.etag))
            return v.not_modified.send(s);
    if (!range_field.empty()) {
        const auto condition = s.header("if-range");
        if (condition.empty() || condition == v.etag) {
            const auto range = parseRange(range_field, identity_->size());
            if (range.kind != Range::Kind::Whole) return servePart(s, range);
        }
    }
    v.whole.send(s);
}

void Resource::servePart(const sdk::Stream& s, const Range& range) const {
    if (range.kind == Range::Kind::Unsatisfiable) return unsatisfiable_->send(s);
    auto fields = part_fields_;
    const auto total = std::to_string(identity_->size());
    fields.emplace_back("Content-Range", "bytes " + std::to_string(range.first) + "-" +
                                             std::to_string(range.last) + "/" + total);
    s.respond(206, fields,
              std::string_view(*identity_).substr(range.first, range.last - range.first + 1));
}

Resource::Bodies compressed(std::string body) {
    Resource::Bodies all;
    if (body.size() > 256) {  // below that, the coding's own frame eats what it saves
        all.gzip = gzip(body);
        all.brotli = brotli(body);
        if (all.gzip.size() >= body.size()) all.gzip.clear();
        if (all.brotli.size() >= body.size()) all.brotli.clear();
    }
    all.identity = std::move(body);
    return all;
}

std::string etagOf(std::string_view body) {
    std::array<unsigned char, 32> digest{};
    unsigned size = 0;
    EVP_Digest(body.data(), body.size(), digest.data(), &size, EVP_sha256(), nullptr);
    return "\"" + protocol::encodeBase64Url({reinterpret_cast<const char*>(digest.data()), 16}) +
           "\"";
}

}  // namespace persona::pages
