#pragma once

#include "driver.h"

namespace pretend {

// Finds a context's function.
Function &functionOf(Context &context, CUfunction handle);

// Fails for more shared memory than a launch may have.
void checkShared(const Function &function, size_t dynamic);

}  // namespace pretend
