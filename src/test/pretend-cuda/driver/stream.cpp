#include "stream.h"

#include <thread>

namespace pretend {

uint64_t Stream::add(std::function<void()> work, bool deferred) {
  std::lock_guard lock(mutex);
  queue.push_back(std::move(work));
  added++;
  if (!deferred && !hasWorker) {
    hasWorker = true;
    std::thread([self = shared_from_this()] { self->workOn(); }).detach();
  }
  return added;
}

void Stream::workOn() {
  std::unique_lock lock(mutex);
  while (!queue.empty()) {
    if (running) {
      changed.wait(lock);
    } else {
      runNext(lock);
    }
  }
  hasWorker = false;
}

void Stream::runNext(std::unique_lock<std::mutex> &lock) {
  const std::function<void()> work = std::move(queue.front());
  queue.pop_front();
  running = true;
  lock.unlock();
  work();
  lock.lock();
  running = false;
  finished++;
  changed.notify_all();
}

void Stream::await(uint64_t number) {
  std::unique_lock lock(mutex);
  while (finished < number) {
    if (running) {
      changed.wait(lock);
    } else {
      runNext(lock);
    }
  }
}

void Stream::drain() { await(last()); }

bool Stream::done(uint64_t number) {
  std::lock_guard lock(mutex);
  return finished >= number;
}

uint64_t Stream::last() {
  std::lock_guard lock(mutex);
  return added;
}

void Stream::advance() {
  std::unique_lock lock(mutex);
  if (!running && !queue.empty()) runNext(lock);
}

}  // namespace pretend
