// What a process is set to that is there to run an object storage server.
#pragma once

namespace scaler::object_storage {

// Lets the process open as many descriptors as it may, and lets it keep memory that was freed: contents come and go,
// and memory that the system has to hand out anew costs as much as receiving what is put there.
void prepareProcess() noexcept;

}  // namespace scaler::object_storage
