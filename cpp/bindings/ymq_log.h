// Where the library's lines go: to a descriptor, since the I/O thread must not call Python.
#pragma once

#include <string>

#include "ymq/log.h"

namespace scaler::bindings {

// Writes one line, on any thread, without ever waiting: a line that finds no room is left out. There are at most ten a
// second; the next one tells how many were left out, so that nobody fills a disk by connecting and sending garbage.
// What cannot be printed is escaped.
//
// Warnings and errors go to the standard error stream, unless a descriptor was set: then all lines go there, each with
// the name of its level and a blank in front.
void writeLine(ymq::LogLevel level, const std::string& text);

// Chooses the descriptor, a pipe's, for all sockets of the process; -1 is the standard error stream again. Once this
// has returned, the one before is not written to any more.
void setLogDescriptor(int descriptor);

}  // namespace scaler::bindings
