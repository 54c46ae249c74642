// Stacks that one host thread switches between. The switch is our own on x86-64, since swapcontext makes a system call
// every time, which would be most of the time of a kernel with barriers.
#pragma once

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace pretend {

class Fiber {
 public:
  // Prepares to run entry(argument), which never returns, on a stack from its lowest address on.
  void prepare(void *stack, size_t bytes, void (*entry)(void *), void *argument);

  // Leaves this stack, which is the running one, and goes on where the other one was left.
  void switchTo(Fiber &other);

  // What ThreadSanitizer calls this fiber.
  void *seenAs = nullptr;

 private:
#if defined(__x86_64__)
  void *stackPointer = nullptr;
#else
  ucontext_t context;
#endif
};

}  // namespace pretend
