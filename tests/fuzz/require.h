// The one way in which a target says that something is wrong.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace scaler::fuzz {

// Aborts unless the condition holds: fuzzers and sanitizers report that with the input and the stack.
inline void require(bool condition, const char* what) {
    if (!condition) {
        std::fprintf(stderr, "violated: %s\n", what);
        std::abort();
    }
}

}  // namespace scaler::fuzz
