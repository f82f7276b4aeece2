#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>

namespace persona::host::tables {

/// A fixed array of T, all of whose octets are zero at first, that asks for huge pages: an
/// operation of a table touches one cache line at a random place of many megabytes, and finding the
/// page would cost as much as the line. Without huge pages it works all the same.
template <typename T>
class Pages {
    static_assert(std::is_trivially_destructible_v<T>, "nothing is ever constructed or destroyed");

  public:
    explicit Pages(std::size_t count) : count_(count) {
        // Room to begin at the border of a huge page; what is not touched costs nothing.
        room_ = (count * sizeof(T) + kHuge - 1) / kHuge * kHuge + kHuge;
        base_ = ::mmap(nullptr, room_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (base_ == MAP_FAILED) throw std::bad_alloc();
        void* at = base_;
        std::size_t space = room_;
        std::align(kHuge, count * sizeof(T), at, space);
        // Small tables stay on small pages: a huge one would be mostly empty.
        if (count * sizeof(T) >= kHuge) ::madvise(at, count * sizeof(T), MADV_HUGEPAGE);
        // The kernel's zeros are what T{} is. To construct would be to touch every page: the tables
        // of the shipped heuristics would be resident before the first request.
        data_ = static_cast<T*>(at);
    }
    ~Pages() { ::munmap(base_, room_); }
    Pages(const Pages&) = delete;
    Pages& operator=(const Pages&) = delete;
    [[nodiscard]] T& operator[](std::size_t i) { return data_[i]; }
    [[nodiscard]] const T& operator[](std::size_t i) const { return data_[i]; }
    [[nodiscard]] std::size_t size() const { return count_; }

  private:
    static constexpr std::size_t kHuge = 2UL << 20;
    std::size_t count_, room_ = 0;
    void* base_ = nullptr;
    T* data_ = nullptr;
};

}  // namespace persona::host::tables
