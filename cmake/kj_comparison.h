// Lets clang compile the headers of Cap'n Proto 0.9; included in front of every source by the preset "fuzz".
//
// They leave these operators out where the compiler can reverse the operands itself, which C++20 does no more for a
// class that has an operator!= (P2468). g++ 12 still does.
#pragma once

#if __cplusplus >= 202002L  // CMake tries the compiler with its default, C++17
#include <kj/string.h>

namespace kj {

inline bool operator==(const char* left, const StringPtr& right) { return right.operator==(StringPtr(left)); }
inline bool operator!=(const char* left, const StringPtr& right) { return !right.operator==(StringPtr(left)); }
inline bool operator==(const char* left, const String& right) { return right.operator==(StringPtr(left)); }
inline bool operator!=(const char* left, const String& right) { return !right.operator==(StringPtr(left)); }

}  // namespace kj
#endif
