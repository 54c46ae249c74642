// Attention for heads of 65 to 128 features: attention.cuh. A file of its own, since a driver compiles whole
// files and a model has one size of heads.
#include "attention.cuh"

ATTENTION_KERNEL(128)
