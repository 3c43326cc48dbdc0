// The list of objects to be released under the GIL.
#include "bindings/ymq_released.h"

#include <atomic>
#include <mutex>
#include <vector>

namespace scaler::bindings {

namespace {

struct List {
    std::mutex mutex;
    std::vector<PyObject*> objects;
    std::vector<Py_buffer*> buffers;
    std::atomic<bool> waiting{false};
    std::atomic<bool> stopped{false};
};

// Never destroyed, for the I/O thread may outlive the module's static objects.
List& list() noexcept {
    static List* const instance = new List();
    return *instance;
}

int onPendingCall(void*) {
    releaseNow();
    return 0;
}

template <typename T>
void append(std::vector<T*>& items, T* item) noexcept {
    List& pending = list();
    if (pending.stopped) return;
    const std::lock_guard lock(pending.mutex);
    items.push_back(item);
    // A full queue of pending calls is of no harm: the next call of the module releases.
    if (!pending.waiting.exchange(true)) Py_AddPendingCall(&onPendingCall, nullptr);
}

}  // namespace

void releaseLater(PyObject* object) noexcept { append(list().objects, object); }

void releaseLater(Py_buffer* buffer) noexcept { append(list().buffers, buffer); }

void releaseNow() {
    List& pending = list();
    if (!pending.waiting.load(std::memory_order_relaxed)) return;
    std::vector<PyObject*> objects;
    std::vector<Py_buffer*> buffers;
    {
        const std::lock_guard lock(pending.mutex);
        objects.swap(pending.objects);
        buffers.swap(pending.buffers);
        pending.waiting = false;
    }
    for (PyObject* object : objects) Py_DECREF(object);
    for (Py_buffer* buffer : buffers) {
        PyBuffer_Release(buffer);
        delete buffer;
    }
}

void stopReleasing() noexcept { list().stopped = true; }

}  // namespace scaler::bindings
