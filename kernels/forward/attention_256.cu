// Attention for heads of more than 128 features: 256 at a time, with 32 queries a block: attention.cuh. A file of its
// own, since a driver compiles whole files and a model has one size of heads.
#include "attention.cuh"

ATTENTION_KERNEL(256)
