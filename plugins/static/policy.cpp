#include "plugins/static/policy.h"

namespace persona::pages {

namespace {

/// What the pages do not use is switched off, so that nothing that gets into them can use it.
constexpr const char* kPermissions =
    "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), "
    "fullscreen=(), geolocation=(), gyroscope=(), hid=(), magnetometer=(), microphone=(), "
    "midi=(), payment=(), picture-in-picture=(), screen-wake-lock=(), serial=(), usb=(), "
    "xr-spatial-tracking=(), browsing-topics=(), identity-credentials-get=(self)";

sdk::Headers common(const Origins& o, const char* referrer) {
    sdk::Headers h{{"X-Content-Type-Options", "nosniff"}, {"Referrer-Policy", referrer}};
    if (o.service.starts_with("https://"))
        h.emplace_back("Strict-Transport-Security", "max-age=31536000; includeSubDomains");
    return h;
}

std::string contentPolicy(const Origins& o, const PagePolicy& p) {
    const std::string assets = o.assets == o.service ? "" : " " + o.assets;
    std::string csp = "default-src 'none'; script-src 'self'" + assets + "; style-src 'self'" +
                      assets + "; img-src 'self' data:" + assets + (p.dialog ? " https:" : "") +
                      "; connect-src 'self'; font-src 'self'" + assets + "; form-action 'self'; ";
    if (p.dialog)
        csp += o.development ? "frame-src https: http://localhost:* http://*.localhost:* "
                               "http://127.0.0.1:*; "
                             : "frame-src https:; ";
    csp += "base-uri 'none'; frame-ancestors ";
    csp += p.frames == Frames::Denied ? "'none'" : p.frames == Frames::Self ? "'self'" : "*";
    return csp + "; require-trusted-types-for 'script'";
}

constexpr const char* kView = "public, max-age=0, must-revalidate";

}  // namespace

sdk::Headers pageFields(const Origins& o, const PagePolicy& p) {
    const bool secretive = p.dialog || p.token;
    auto h = common(o, secretive ? "no-referrer" : "strict-origin-when-cross-origin");
    h.emplace_back("Cache-Control", p.error || o.development ? "no-store"
                                    : p.token                ? "private, no-cache"
                                                             : kView);
    h.emplace_back("Vary", "Accept-Encoding,Accept-Language");
    h.emplace_back("Content-Security-Policy", contentPolicy(o, p));
    if (p.frames == Frames::Denied) h.emplace_back("X-Frame-Options", "DENY");
    if (p.frames == Frames::Self) h.emplace_back("X-Frame-Options", "SAMEORIGIN");
    if (!p.popup) h.emplace_back("Cross-Origin-Opener-Policy", "same-origin-allow-popups");
    h.emplace_back("Permissions-Policy", kPermissions);
    return h;
}

sdk::Headers sharedScriptFields(const Origins& o) {
    auto h = common(o, "strict-origin-when-cross-origin");
    h.emplace_back("Cache-Control",
                   o.development ? "no-store" : "public, max-age=300, must-revalidate");
    h.emplace_back("Vary", "Accept-Encoding");
    h.emplace_back("Access-Control-Allow-Origin", "*");
    h.emplace_back("Cross-Origin-Resource-Policy", "cross-origin");
    return h;
}

sdk::Headers assetFields(const Origins& o) {
    auto h = common(o, "strict-origin-when-cross-origin");
    h.emplace_back("Cache-Control", "public, max-age=31536000, immutable");
    h.emplace_back("Vary", "Accept-Encoding");
    h.emplace_back("Access-Control-Allow-Origin", o.service);
    h.emplace_back("Cross-Origin-Resource-Policy", "cross-origin");
    return h;
}

sdk::Headers textFields(const Origins& o) {
    auto h = common(o, "strict-origin-when-cross-origin");
    h.emplace_back("Cache-Control", o.development ? "no-store" : kView);
    h.emplace_back("Vary", "Accept-Encoding,Accept-Language");
    return h;
}

sdk::Headers plainFields(const Origins& o, const std::string& cache) {
    auto h = common(o, "strict-origin-when-cross-origin");
    h.emplace_back("Cache-Control", cache);
    return h;
}

}  // namespace persona::pages
