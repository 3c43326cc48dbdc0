#include "object_storage/sealed_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "ymq/memory_file.h"

namespace scaler::object_storage {
namespace {

constexpr std::size_t kSize = SealedFiles::kSmallestKeptBytes;

ymq::Descriptor fileOf(const std::string& content) {
    const auto part = std::as_bytes(std::span(content));
    return ymq::writeMemoryFile(std::span(&part, 1));
}

bool isOpen(int descriptor) { return ::fcntl(descriptor, F_GETFD) >= 0; }

TEST(SealedFiles, KeepsAFileAsLongAsItsContent) {
    std::optional<SealedFiles> files(10);
    const std::string content(kSize, 'x');
    ymq::Bytes bytes = *files->take(fileOf(content), kSize);
    EXPECT_EQ(bytes.view(), content);
    EXPECT_EQ(files->kept(), 1U);
    const int descriptor = SealedFiles::descriptorOf(bytes);
    EXPECT_TRUE(isOpen(descriptor));
    ymq::Bytes part = bytes.slice(0, 10);
    EXPECT_EQ(SealedFiles::descriptorOf(part), descriptor);
    bytes = ymq::Bytes();
    EXPECT_TRUE(isOpen(descriptor));
    part = ymq::Bytes();
    EXPECT_FALSE(isOpen(descriptor));
    EXPECT_EQ(files->kept(), 0U);
    bytes = *files->take(fileOf(content), kSize);
    files.reset();
    EXPECT_EQ(bytes.view(), content);
}

TEST(SealedFiles, CopiesWhatIsSmallOrTooMuch) {
    SealedFiles files(2);
    const std::string content(kSize, 'x');
    const ymq::Bytes small = *files.take(fileOf("small"), 5);
    EXPECT_EQ(small.view(), "small");
    EXPECT_EQ(SealedFiles::descriptorOf(small), -1);
    std::vector<ymq::Bytes> kept;
    for (int count = 0; count < 4; ++count) {
        kept.push_back(*files.take(fileOf(content), kSize));
        EXPECT_EQ(kept.back().view(), content);
        EXPECT_EQ(SealedFiles::descriptorOf(kept.back()) >= 0, count < 2);
    }
    EXPECT_EQ(files.kept(), 2U);
    kept.clear();
    EXPECT_GE(SealedFiles::descriptorOf(*files.take(fileOf(content), kSize)), 0);
}

TEST(SealedFiles, CopiesNothingAboveTheLimit) {
    SealedFiles files(1);
    const std::string content(kSize, 'x');
    const ymq::Bytes kept = *files.take(fileOf(content), kSize, kSize - 1);
    EXPECT_EQ(kept.view(), content);
    EXPECT_EQ(files.take(fileOf(content), kSize, kSize)->view(), content);
    EXPECT_TRUE(files.take(fileOf(content), kSize, kSize - 1)->isNull());
    EXPECT_TRUE(files.take(fileOf("small"), 5, 4)->isNull());
    EXPECT_FALSE(files.take(fileOf("small"), 6, 4));
}

// A sealed file of this content that has more memory behind its end.
ymq::Descriptor fileWithMore(const std::string& content, std::size_t more_bytes) {
    ymq::Descriptor file(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    EXPECT_EQ(::write(file.get(), content.data(), content.size()), static_cast<ssize_t>(content.size()));
    EXPECT_EQ(::fallocate(file.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(content.size()),
                          static_cast<off_t>(more_bytes)),
              0);
    EXPECT_EQ(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
    return file;
}

TEST(SealedFiles, RefusesWhatHasMoreMemoryThanItsSize) {
    SealedFiles files(10);
    const std::string content(kSize, 'x');
    EXPECT_FALSE(files.take(fileWithMore(content, std::size_t{4} << 20U), kSize));
    EXPECT_EQ(files.kept(), 0U);
}

TEST(SealedFiles, CopiesWhatHasALittleMoreMemory) {
    SealedFiles files(10);
    const std::string content(kSize, 'x');
    const ymq::Bytes copied = *files.take(fileWithMore(content, 2 * kSize), kSize);
    EXPECT_EQ(copied.view(), content);
    EXPECT_EQ(files.kept(), 0U);
    const std::string large(5'000'000, 'x');
    const ymq::Bytes kept = *files.take(fileOf(large), large.size());
    EXPECT_EQ(kept.view(), large);
    EXPECT_EQ(files.kept(), 1U);
}

TEST(SealedFiles, OtherBytesHaveNoDescriptor) {
    EXPECT_EQ(SealedFiles::descriptorOf(ymq::Bytes()), -1);
    EXPECT_EQ(SealedFiles::descriptorOf(ymq::Bytes::copy(std::string_view("x"))), -1);
}

TEST(SealedFiles, RefusesWhatCouldChangeOrIsOfAnotherSize) {
    SealedFiles files(10);
    const std::string content(kSize, 'x');
    EXPECT_FALSE(files.take(fileOf(content), kSize + 1));
    EXPECT_FALSE(files.take(fileOf(content), UINT64_MAX));
    EXPECT_FALSE(files.take(ymq::Descriptor(), kSize));
    ymq::Descriptor open(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(::ftruncate(open.get(), kSize), 0);
    EXPECT_FALSE(files.take(std::move(open), kSize));
    ymq::Descriptor holes(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(::ftruncate(holes.get(), kSize), 0);
    ASSERT_EQ(::fcntl(holes.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
    EXPECT_FALSE(files.take(std::move(holes), kSize));
    EXPECT_EQ(files.kept(), 0U);
}

}  // namespace
}  // namespace scaler::object_storage
