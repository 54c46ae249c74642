// Work that is done in order, by a thread of its own or, deferred, only when somebody waits for it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace pretend {

class Stream : public std::enable_shared_from_this<Stream> {
 public:
  // Its number, which no other one ever has.
  const uint64_t id = made++;

  // Whether work is done when it is queued, before the call returns.
  const bool eager;

  explicit Stream(bool eager = false) : eager(eager) {}

  // Queues work and returns its number, counted from 1.
  uint64_t add(std::function<void()> work, bool deferred);

  // Returns when the work of this number, and all before it, is done; does it if nobody else is at it.
  void await(uint64_t number);

  // Waits for all that was added.
  void drain();

  bool done(uint64_t number);
  uint64_t last();

  // Does one piece of work if there is one, so that who only asks gets there in the end.
  void advance();

 private:
  static inline std::atomic<uint64_t> made = 0;

  void runNext(std::unique_lock<std::mutex> &lock);
  void workOn();

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> queue;
  uint64_t added = 0, finished = 0;
  bool running = false;     // somebody does the work at the front
  bool hasWorker = false;   // a thread is there that ends when the queue is empty
};

}  // namespace pretend
