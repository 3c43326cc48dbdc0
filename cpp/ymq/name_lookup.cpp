// The thread that asks, and the flag that tells of its answer.
#include "ymq/name_lookup.h"

#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "ymq/event_flag.h"
#include "ymq/native_socket.h"
#include "ymq/signals_blocked.h"
#include "ymq/watched_socket.h"

namespace scaler::ymq {

namespace {

Endpoints answerTo(const NameLookup::Ask& ask, const Address& address) {
    try {
        return ask(address);
    } catch (const std::exception& error) {
        return Error{ErrorCode::connectFailed, error.what()};
    }
}

}  // namespace

// Of both threads.
struct NameLookup::Question {
    Question(Ask asked, Address named) : ask(std::move(asked)), address(std::move(named)) {}

    const Ask ask;
    const Address address;
    std::mutex mutex{};
    // There once the flag is up.
    std::optional<Endpoints> answer{};
    EventFlag answered{};
};

// Of the thread that runs the io context.
struct NameLookup::Waiting {
    Waiting(boost::asio::io_context& context, std::shared_ptr<Question> asked,
            std::function<void(const Endpoints&)> called)
        : question(std::move(asked)), on_answer(std::move(called)), watched(context) {
        Descriptor flag(duplicate(question->answered.descriptor()));
        if (!flag.isOpen()) {
            throw std::system_error(lastSocketError(), std::system_category(), "cannot wait for a resolver");
        }
        watched.assign(flag);
    }

    std::shared_ptr<Question> question;
    std::function<void(const Endpoints&)> on_answer;
    WatchedSocket watched;
};

NameLookup::NameLookup(boost::asio::io_context& context, Ask ask, const Address& address,
                       std::function<void(const Endpoints& endpoints)> on_answer)
    : waiting_(std::make_shared<Waiting>(context, std::make_shared<Question>(std::move(ask), address),
                                         std::move(on_answer))) {
    waiting_->watched.waitReadable([weak = std::weak_ptr(waiting_)](const boost::system::error_code& failure) {
        const std::shared_ptr<Waiting> waiting = weak.lock();
        if (failure || waiting == nullptr) return;
        std::unique_lock lock(waiting->question->mutex);
        const Endpoints answer = *std::move(waiting->question->answer);
        lock.unlock();
        waiting->on_answer(answer);
    });
    const SignalsBlocked blocked;
    std::thread([question = waiting_->question] {
        nameThisThread("scaler-resolver");
        Endpoints answer = answerTo(question->ask, question->address);
        const std::lock_guard lock(question->mutex);
        question->answer = std::move(answer);
        question->answered.set();
    }).detach();
}

NameLookup::~NameLookup() { waiting_->watched.close(); }

}  // namespace scaler::ymq
