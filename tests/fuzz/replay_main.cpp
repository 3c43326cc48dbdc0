// Runs a target over every file of the folders named as arguments: the saved corpus as a plain test, without a fuzzer.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "target.h"

namespace {

std::vector<std::uint8_t> contentOf(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Names the file first, so that the last line before a failure tells which one it was.
int replay(const std::filesystem::path& folder) {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        std::printf("%s\n", entry.path().c_str());
        std::fflush(stdout);
        // A vector's memory ends where the input does, which the address sanitizer relies on.
        const std::vector<std::uint8_t> content = contentOf(entry.path());
        LLVMFuzzerTestOneInput(content.data(), content.size());
        ++count;
    }
    return count;
}

}  // namespace

int main(int argument_count, char** arguments) {
    int count = 0;
    try {
        for (int i = 1; i < argument_count; ++i) {
            count += replay(arguments[i]);
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "the last input ended with an exception: %s\n", error.what());
        return 1;
    }
    std::printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
