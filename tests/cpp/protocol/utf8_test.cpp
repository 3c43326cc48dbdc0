// The boundaries of what is text.
#include "protocol/utf8.h"

#include <gtest/gtest.h>

namespace scaler::protocol {
namespace {

using namespace std::string_view_literals;

TEST(Utf8, AcceptsTheEndsOfEveryLength) {
    for (const auto text :
         {""sv, "\0"sv, "\x7F"sv, "\xC2\x80"sv, "\xDF\xBF"sv, "\xE0\xA0\x80"sv, "\xED\x9F\xBF"sv, "\xEE\x80\x80"sv,
          "\xEF\xBF\xBF"sv, "\xF0\x90\x80\x80"sv, "\xF4\x8F\xBF\xBF"sv, "a\xC3\xA4z"sv}) {
        EXPECT_TRUE(isUtf8(text)) << testing::PrintToString(text);
    }
}

TEST(Utf8, RefusesEverythingElse) {
    for (const auto text : {"\x80"sv, "\xC0\x80"sv, "\xC1\xBF"sv, "\xE0\x9F\xBF"sv, "\xED\xA0\x80"sv, "\xED\xBF\xBF"sv,
                            "\xF0\x8F\xBF\xBF"sv, "\xF4\x90\x80\x80"sv, "\xF8\x88\x80\x80\x80"sv, "\xFF"sv, "\xC3"sv,
                            "\xE2\x82"sv, "\xF0\x9F\x98"sv, "\xC3z"sv, "abc\xE2\x82z"sv}) {
        EXPECT_FALSE(isUtf8(text)) << testing::PrintToString(text);
    }
}

}  // namespace
}  // namespace scaler::protocol
