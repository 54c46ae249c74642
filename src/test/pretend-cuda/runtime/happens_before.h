// Tells ThreadSanitizer, where it is linked, what the pretended threads are and what orders them: they are fibers of one
// host thread, which it would else take for one thread.
#pragma once

extern "C" {
void *__tsan_create_fiber(unsigned flags) __attribute__((weak));
void __tsan_destroy_fiber(void *fiber) __attribute__((weak));
void *__tsan_get_current_fiber() __attribute__((weak));
void __tsan_switch_to_fiber(void *fiber, unsigned flags) __attribute__((weak));
void __tsan_acquire(void *address) __attribute__((weak));
void __tsan_release(void *address) __attribute__((weak));
void __tsan_read_range(void *address, unsigned long bytes) __attribute__((weak));
void __tsan_write_range(void *address, unsigned long bytes) __attribute__((weak));
}

// What lanes hand each other when they meet orders nothing but the meeting's own values.
#define PRETEND_UNSEEN __attribute__((__no_sanitize__("thread")))

namespace pretend {

inline bool racesAreSeen() { return __tsan_create_fiber != nullptr; }

// All that this thread did before it releases a point comes before what others do after they acquire it.
struct OrderPoint {
  char address;

  void release() {
    if (racesAreSeen()) __tsan_release(&address);
  }
  void acquire() {
    if (racesAreSeen()) __tsan_acquire(&address);
  }
};

}  // namespace pretend
