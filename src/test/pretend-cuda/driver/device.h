#pragma once

namespace pretend {

// Shared memory that a block may have where it asks for it.
int sharedBytesPerBlock(int capability);

}  // namespace pretend
