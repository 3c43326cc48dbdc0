// Completes the headers of Cap'n Proto 0.9 for compilers that do not accept them; cmake/Dependencies.cmake finds out,
// and has it included in front of every source that uses them.
//
// They leave these operators out where the compiler can reverse the operands itself, which C++20 does no more for a
// class that has an operator!= (P2468). g++ 12 still does; g++ 13 and clang 16 do not.
#pragma once

#include <kj/string.h>

namespace kj {

inline bool operator==(const char* left, const StringPtr& right) { return right.operator==(StringPtr(left)); }
inline bool operator!=(const char* left, const StringPtr& right) { return !right.operator==(StringPtr(left)); }
inline bool operator==(const char* left, const String& right) { return right.operator==(StringPtr(left)); }
inline bool operator!=(const char* left, const String& right) { return !right.operator==(StringPtr(left)); }

}  // namespace kj
