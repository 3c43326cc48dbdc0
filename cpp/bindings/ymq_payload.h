// How Python buffers become the parts of a frame.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <span>
#include <vector>

#include "ymq/bytes.h"
#include "ymq/outbox.h"

namespace scaler::bindings {

// Copies any buffer; raises TypeError for anything else.
ymq::Bytes copyBuffer(nanobind::handle value);

// The parts of one frame, made of a buffer or of a sequence of buffers. Native bytes and large buffers are referred to
// until the message has been delivered; others are only borrowed, until this object ends.
class Payload {
public:
    static constexpr std::size_t kReferredBytes = 64 * 1024;

    explicit Payload(nanobind::handle value);
    ~Payload();
    Payload(const Payload&) = delete;
    Payload& operator=(const Payload&) = delete;

    std::span<const ymq::MessagePart> parts() const noexcept { return parts_; }
    std::size_t size() const noexcept { return size_; }

private:
    void add(nanobind::handle value);
    void releaseViews() noexcept;

    // A tuple that keeps the elements of a sequence; a tuple is kept itself.
    nanobind::object items_{};
    std::vector<ymq::MessagePart> parts_{};
    std::vector<Py_buffer*> views_{};
    std::size_t size_{0};
};

}  // namespace scaler::bindings
