#include "fiber.h"

#include <cstdint>

#include "happens_before.h"

namespace pretend {

#if defined(__x86_64__)

extern "C" void pretendSwitch(void **save, void *load) __attribute__((__visibility__("hidden")));
extern "C" void pretendEnter() __attribute__((__visibility__("hidden")));

// The registers that a call keeps go onto the stack that is left. A new stack starts in pretendEnter, with the function
// in r12 and its argument in r13.
asm(R"(
  .text
  .hidden pretendSwitch
  .globl pretendSwitch
  .type pretendSwitch, @function
pretendSwitch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size pretendSwitch, .-pretendSwitch
  .hidden pretendEnter
  .globl pretendEnter
  .type pretendEnter, @function
pretendEnter:
  movq %r13, %rdi
  callq *%r12
  ud2
  .size pretendEnter, .-pretendEnter
)");

void Fiber::prepare(void *stack, size_t bytes, void (*entry)(void *), void *argument) {
  const uintptr_t top = (reinterpret_cast<uintptr_t>(stack) + bytes) & ~uintptr_t{15};
  auto **frame = reinterpret_cast<void **>(top) - 9;
  frame[0] = nullptr;                              // r15
  frame[1] = nullptr;                              // r14
  frame[2] = argument;                             // r13
  frame[3] = reinterpret_cast<void *>(entry);      // r12
  frame[4] = nullptr;                              // rbx
  frame[5] = nullptr;                              // rbp: the end of the chain of frames
  frame[6] = reinterpret_cast<void *>(&pretendEnter);
  frame[7] = frame[8] = nullptr;                   // leaves pretendEnter a stack as the ABI wants it
  stackPointer = frame;
}

void Fiber::switchTo(Fiber &other) {
  constexpr unsigned ORDERS_NOTHING = 1;
  if (racesAreSeen()) __tsan_switch_to_fiber(other.seenAs, ORDERS_NOTHING);
  pretendSwitch(&stackPointer, other.stackPointer);
}

#else

namespace {
void enter(unsigned entryHigh, unsigned entryLow, unsigned argumentHigh, unsigned argumentLow) {
  const auto join = [](unsigned high, unsigned low) { return static_cast<uintptr_t>(high) << 32 | low; };
  auto *entry = reinterpret_cast<void (*)(void *)>(join(entryHigh, entryLow));
  entry(reinterpret_cast<void *>(join(argumentHigh, argumentLow)));
}
}  // namespace

void Fiber::prepare(void *stack, size_t bytes, void (*entry)(void *), void *argument) {
  getcontext(&context);
  context.uc_stack.ss_sp = stack;
  context.uc_stack.ss_size = bytes;
  context.uc_link = nullptr;
  const auto function = reinterpret_cast<uint64_t>(entry), pointer = reinterpret_cast<uint64_t>(argument);
  makecontext(&context, reinterpret_cast<void (*)()>(enter), 4, static_cast<unsigned>(function >> 32),
              static_cast<unsigned>(function), static_cast<unsigned>(pointer >> 32), static_cast<unsigned>(pointer));
}

void Fiber::switchTo(Fiber &other) { swapcontext(&context, &other.context); }

#endif

}  // namespace pretend
