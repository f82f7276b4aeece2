// aaload: replays a trace against a front on 127.0.0.1. See bench/abuse/README.md.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <map>
#include <stdexcept>

#include "bench/abuse/src/generator.h"

namespace {

namespace abuse = persona::abuse;

std::span<const abuse::Record> mapTrace(const std::string& file) {
    const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat about {};
    if (fd < 0 || fstat(fd, &about) != 0) throw std::runtime_error("cannot read the trace " + file);
    const auto size = static_cast<std::size_t>(about.st_size);
    if (size == 0 || size % sizeof(abuse::Record) != 0)
        throw std::runtime_error(file + " is no trace: its size is no multiple of a record's");
    auto* at = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (at == MAP_FAILED) throw std::runtime_error("cannot map the trace " + file);
    return {static_cast<const abuse::Record*>(at), size / sizeof(abuse::Record)};
}

}  // namespace

int main(int count, char** words) try {
    std::map<std::string, std::string> options;
    for (int i = 1; i + 1 < count; i += 2) options[words[i]] = words[i + 1];
    for (const auto* needed : {"--trace", "--port", "--control", "--results", "--seconds"})
        if (!options.contains(needed))
            throw std::invalid_argument(std::string(needed) + " is missing");
    abuse::LoadSettings settings;
    settings.port = std::stoi(options["--port"]);
    settings.control = std::stoi(options["--control"]);
    settings.length_us = static_cast<abuse::Micros>(std::stod(options["--seconds"]) * 1e6);
    if (options.contains("--connections"))
        settings.most_connections = std::stoul(options["--connections"]);
    const auto trace = mapTrace(options["--trace"]);
    std::ofstream results(options["--results"], std::ios::binary | std::ios::trunc);
    if (!results) throw std::runtime_error("cannot write " + options["--results"]);
    abuse::Loop loop;
    abuse::Generator generator(loop, settings, trace, results);
    generator.prime([&] {
        // The runner moves its own clock by this line: what it does at second N it does at ours.
        std::printf("begin\n");
        std::fflush(stdout);
        generator.begin();
    });
    loop.run([&] { return generator.finished(); });
    results.flush();
    if (!results) throw std::runtime_error("the results could not be written whole: disk full?");
    std::printf("late_p99_us %lld open %zu\n", static_cast<long long>(generator.lateness(0.99)),
                generator.mostOpen());
    return 0;
} catch (const std::exception& e) {
    std::cerr << "aaload: " << e.what() << "\n";
    return 64;
}
