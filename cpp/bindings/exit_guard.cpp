// The state of the exit, and the count of forks.
#include "bindings/exit_guard.h"

#ifndef _WIN32
#include <pthread.h>
#endif

#include <atomic>
#include <chrono>
#include <thread>

namespace nb = nanobind;

namespace scaler::bindings {

namespace {

using namespace std::chrono_literals;

// How long the exit waits for threads to come back from native code.
constexpr auto kExitPatience = 2000ms;

std::atomic<std::uint64_t> fork_count{0};
std::atomic<bool> exiting{false};
std::atomic<int> unlocked_threads{0};
// Set before `exiting`.
std::thread::id exiting_thread;

[[noreturn]] void sleepForGood() {
    for (;;) std::this_thread::sleep_for(1h);
}

}  // namespace

Unlocked::Unlocked() {
    ++unlocked_threads;
    if (!exiting) state_ = PyEval_SaveThread();
}

Unlocked::~Unlocked() {
    if (state_ != nullptr && exiting) {
        --unlocked_threads;
        sleepForGood();
    }
    if (state_ != nullptr) PyEval_RestoreThread(state_);
    --unlocked_threads;
}

void sleepIfExiting() {
    if (!exiting || std::this_thread::get_id() == exiting_thread) return;
    PyEval_SaveThread();
    sleepForGood();
}

bool isExiting() noexcept { return exiting; }

void beginExit() noexcept {
    exiting_thread = std::this_thread::get_id();
    exiting = true;
}

void waitForUnlockedThreads() {
    const auto deadline = std::chrono::steady_clock::now() + kExitPatience;
    while (unlocked_threads != 0 && std::chrono::steady_clock::now() < deadline) {
        const nb::gil_scoped_release unlocked;
        std::this_thread::sleep_for(1ms);
    }
}

std::uint64_t forkCount() noexcept { return fork_count.load(std::memory_order_relaxed); }

void countForks() {
#ifndef _WIN32
    pthread_atfork(nullptr, nullptr, [] {
        fork_count.fetch_add(1, std::memory_order_relaxed);
        unlocked_threads = 0;  // they live in the parent
    });
#endif
}

}  // namespace scaler::bindings
