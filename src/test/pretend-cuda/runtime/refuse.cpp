#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "block.h"
#include "thread.h"

namespace pretend {

void refuse(const char *format, ...) {
  char text[4096];
  va_list values;
  va_start(values, format);
  vsnprintf(text, sizeof text, format, values);
  va_end(values);
  fprintf(stderr, "pretend CUDA: %s\n", text);
  if (thread) {
    const Index &t = thread->threadIndex, &b = thread->blockIndex;
    fprintf(stderr, "  in kernel %s, thread (%u, %u, %u) of block (%u, %u, %u)\n", Block::current()->kernelName(), t.x,
            t.y, t.z, b.x, b.y, b.z);
  }
  fflush(stderr);
  abort();
}

}  // namespace pretend
