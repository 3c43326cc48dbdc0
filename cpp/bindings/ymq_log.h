// Where the library's warnings go: the standard error stream, since the I/O thread must not call Python.
#pragma once

#include <string>

namespace scaler::bindings {

// Writes one line, on any thread, without ever waiting: a line that finds no room is left out. There are at most ten a
// second; the next one tells how many were left out, so that nobody fills a disk by connecting and sending garbage.
// What cannot be printed is escaped.
void writeLine(const std::string& text);

}  // namespace scaler::bindings
