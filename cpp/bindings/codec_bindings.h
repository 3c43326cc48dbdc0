// The parts of the codec module, one function per file.
#pragma once

#include <nanobind/nanobind.h>

#include "protocol/frame_reader.h"

namespace scaler::bindings {

void defineAny(nanobind::module_& module);
void defineEnums(nanobind::module_& module);
void defineTask(nanobind::module_& module);
void defineTaskResult(nanobind::module_& module);
void defineGraphTask(nanobind::module_& module);
void defineMessages(nanobind::module_& module);

nanobind::object decodeTaskObject(const protocol::FrameReader& frame);
nanobind::object decodeTaskResultObject(const protocol::FrameReader& frame);
nanobind::object decodeGraphTaskObject(const protocol::FrameReader& frame);
// Returns None for kinds that are not hot.
nanobind::object decodeMessageObject(const protocol::FrameReader& frame);

}  // namespace scaler::bindings
