// The parts of the messaging module, one per file.
#pragma once

#include <nanobind/nanobind.h>

#include <string>

#include "ymq/error.h"

namespace scaler::bindings {

void defineEnums(nanobind::module_& module);
void defineException(nanobind::module_& module);
void defineBytes(nanobind::module_& module);
void defineMemoryFile(nanobind::module_& module);
void defineContext(nanobind::module_& module);
void defineSocket(nanobind::module_& module);
void definePoller(nanobind::module_& module);

// Raises YMQException.
[[noreturn]] void raise(ymq::ErrorCode code, const std::string& context = {});
[[noreturn]] inline void raise(const ymq::Error& error) { raise(error.code, error.context); }

}  // namespace scaler::bindings
