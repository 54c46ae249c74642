#pragma once

namespace pretend {

// Compute modes, by the numbers of cuda.h.
constexpr int PROHIBITED = 2, EXCLUSIVE_PROCESS = 3;

// Shared memory that a block may have where it asks for it.
int sharedBytesPerBlock(int capability);

}  // namespace pretend
