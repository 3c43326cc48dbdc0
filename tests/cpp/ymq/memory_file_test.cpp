#include "ymq/memory_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <system_error>
#include <vector>

namespace scaler::ymq {
namespace {

constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

std::string pattern(std::size_t size) {
    std::string content(size, '\0');
    for (std::size_t index = 0; index < size; ++index) content[index] = static_cast<char>(index * 7 + index / 4096);
    return content;
}

Descriptor write(const std::vector<std::string_view>& parts) {
    std::vector<std::span<const std::byte>> spans;
    for (const std::string_view part : parts) spans.push_back(std::as_bytes(std::span(part)));
    return writeMemoryFile(spans);
}

TEST(MemoryFile, HoldsItsPartsWhateverTheirSizes) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{4096}, std::size_t{100'000},
                                   kHugePageBytes - 1, kHugePageBytes, 3 * kHugePageBytes + 5000}) {
        const std::string content = pattern(size);
        const std::string_view view(content);
        const Descriptor file = write({view.substr(0, size / 3), "", view.substr(size / 3)});
        struct stat status {};
        ASSERT_EQ(::fstat(file.get(), &status), 0);
        EXPECT_EQ(static_cast<std::size_t>(status.st_size), size);
        const Bytes mapped = mapMemoryFile(file.get(), size);
        EXPECT_EQ(mapped.view(), view);
        EXPECT_EQ(mapMemoryFile(file.get(), size / 2).view(), view.substr(0, size / 2));
    }
}

TEST(MemoryFile, TakesMorePartsThanOneCallDoes) {
    std::string expected;
    std::vector<std::string> contents;
    for (std::size_t number = 0; number < 500; ++number) contents.push_back(pattern(number % 9 * 100));
    std::vector<std::string_view> parts;
    for (const std::string& content : contents) {
        parts.push_back(content);
        expected += content;
    }
    const Descriptor file = write(parts);
    EXPECT_EQ(mapMemoryFile(file.get(), expected.size()).view(), expected);
}

TEST(MemoryFile, CannotBeChanged) {
    const Descriptor file = write({"content"});
    EXPECT_LT(::pwrite(file.get(), "x", 1, 0), 0);
    EXPECT_NE(::ftruncate(file.get(), 3), 0);
    EXPECT_EQ(::mmap(nullptr, 7, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0), MAP_FAILED);
}

TEST(MemoryFile, AMappingIsPrivateAndOutlivesTheDescriptor) {
    const std::string content = pattern(kHugePageBytes + 10);
    Descriptor file = write({content});
    const Bytes first = mapMemoryFile(file.get(), content.size());
    const Bytes second = mapMemoryFile(file.get(), content.size());
    file = Descriptor();
    std::memset(const_cast<std::byte*>(first.data()), 'x', 10);
    EXPECT_EQ(second.view(), content);
    EXPECT_EQ(first.view().substr(10), std::string_view(content).substr(10));
}

TEST(MemoryFile, OnlySealedOnesOfTheSizeAreMapped) {
    const Descriptor file = write({"content"});
    EXPECT_THROW(mapMemoryFile(file.get(), 8), std::system_error);
    EXPECT_THROW(mapMemoryFile(-1, 1), std::system_error);
    const Descriptor open(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(::write(open.get(), "content", 7), 7);
    EXPECT_THROW(mapMemoryFile(open.get(), 7), std::system_error);
}

}  // namespace
}  // namespace scaler::ymq
