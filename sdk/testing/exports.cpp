#include <elf.h>

#include <cstring>
#include <fstream>
#include <stdexcept>

#include "persona/testing/conformance.hpp"

namespace persona::testing {

namespace {

/// Copies a structure out of the file's octets; throws when it would reach beyond them.
template <typename T>
T at(const std::string& file, std::uint64_t offset) {
    T out;
    if (offset > file.size() || file.size() - offset < sizeof(T))
        throw std::runtime_error("the file ends within a table");
    std::memcpy(&out, file.data() + offset, sizeof out);
    return out;
}

}  // namespace

std::vector<std::string> exportedSymbols(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error(path + ": cannot be read");
    const std::string file((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const auto header = at<Elf64_Ehdr>(file, 0);
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_type != ET_DYN)
        throw std::runtime_error(path + ": not a 64-bit ELF shared object");
    const auto section = [&](std::uint64_t i) {
        return at<Elf64_Shdr>(file, header.e_shoff + i * sizeof(Elf64_Shdr));
    };
    std::vector<std::string> out;
    for (unsigned i = 0; i < header.e_shnum; ++i) {
        const auto table = section(i);
        if (table.sh_type != SHT_DYNSYM) continue;
        const auto strings = section(table.sh_link);
        for (std::uint64_t n = 0; n + sizeof(Elf64_Sym) <= table.sh_size; n += sizeof(Elf64_Sym)) {
            const auto symbol = at<Elf64_Sym>(file, table.sh_offset + n);
            const auto binding = ELF64_ST_BIND(symbol.st_info);
            if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx == SHN_ABS ||
                binding == STB_LOCAL || ELF64_ST_VISIBILITY(symbol.st_other) == STV_HIDDEN)
                continue;
            const auto start = strings.sh_offset + symbol.st_name;
            if (start >= file.size()) throw std::runtime_error("a name outside of the file");
            out.emplace_back(file.c_str() + start);
        }
    }
    return out;
}

std::string wrongExports(const std::string& path) {
    const auto names = exportedSymbols(path);
    if (names.size() == 1 && names.front() == "psn_plugin_entry_v1") return {};
    std::string all;
    for (const auto& n : names) all += " " + n;
    return "expected to export psn_plugin_entry_v1 alone, got" + (all.empty() ? " nothing" : all) +
           "; link with a version script and -fvisibility=hidden, as persona_add_plugin() does";
}

}  // namespace persona::testing
