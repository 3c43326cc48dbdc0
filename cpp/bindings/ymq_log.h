// Where the library's warnings go: the standard error stream, since the I/O thread must not call Python.
#pragma once

#include <string>

namespace scaler::bindings {

// Writes one line, on any thread. There are at most ten a second; the next one tells how many were left out, so that
// nobody fills a disk by connecting and sending garbage.
void writeLine(const std::string& text);

}  // namespace scaler::bindings
