// A place in device memory is two kernel arguments: a buffer, and the bytes from its start. A buffer that isn't there
// is null.
#pragma OPENCL FP_CONTRACT OFF

#define POINTER(type, name) ((__global type *)((__global char *)name + name##_offset))
#define CONST_POINTER(type, name) ((__global const type *)((__global const char *)name + name##_offset))
