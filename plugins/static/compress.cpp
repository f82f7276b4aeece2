#include "plugins/static/compress.h"

#include <brotli/encode.h>
#include <zlib.h>

#include <stdexcept>

namespace persona::pages {

std::string gzip(std::string_view text) {
    z_stream z{};
    // 16 + 15: a gzip header and the largest window; no time stamp, so the octets are the same
    // everywhere.
    if (deflateInit2(&z, 9, Z_DEFLATED, 16 + 15, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::runtime_error("zlib could not be started");
    std::string out(deflateBound(&z, text.size()), '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    z.avail_in = static_cast<uInt>(text.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    const int rc = deflate(&z, Z_FINISH);
    out.resize(z.total_out);
    deflateEnd(&z);
    if (rc != Z_STREAM_END) throw std::runtime_error("zlib could not compress a page");
    return out;
}

std::string brotli(std::string_view text) {
    std::size_t size = BrotliEncoderMaxCompressedSize(text.size());
    std::string out(size, '\0');
    // A window larger than the text costs the clearing of tables that nothing fills.
    int window = BROTLI_MIN_WINDOW_BITS;
    while (window < BROTLI_DEFAULT_WINDOW && (std::size_t{1} << window) < text.size() + 16)
        ++window;
    // Every page in every language waits for this before the first heartbeat; 9 takes three times
    // as long for one octet in fifty.
    if (BrotliEncoderCompress(5, window, BROTLI_MODE_TEXT, text.size(),
                              reinterpret_cast<const std::uint8_t*>(text.data()), &size,
                              reinterpret_cast<std::uint8_t*>(out.data())) != BROTLI_TRUE)
        throw std::runtime_error("brotli could not compress a page");
    out.resize(size);
    return out;
}

}  // namespace persona::pages
