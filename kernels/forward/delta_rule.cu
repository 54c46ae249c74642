// The gated delta rule, token by token: S = decay S, then S = S + k (correction (v - k S)), and the result is q S, in the
// CPU's order: fused multiply-adds over the features of a key, from 0 on.
//
// One block of whole warps for each value head of a sequence (grid.x). A thread has a column of the head's state [keySize,
// columns] to itself, or several, and takes it through all tokens; so threads never wait for each other. Neighbours take
// neighbouring columns. For each token a column is read and written twice, from a cache, and q and k are read by all
// threads alike; device memory moves 16 bytes for each element of the result, and the state once. No shared memory.
#include "device.cuh"

extern "C" __global__ void delta_rule(const float *q, const float *k, const float *v, const float *decays,
                                      const float *corrections, float *states, float *out, int length, int keyHeads,
                                      int heads, int keySize, int columns) {
  const int head = static_cast<int>(blockIdx.x % heads);
  const long long first = static_cast<long long>(blockIdx.x / heads) * length;
  const int keys = head / (heads / keyHeads) * keySize;
  for (int column = threadIdx.x; column < columns; column += blockDim.x) {
    float *state = states + static_cast<long long>(blockIdx.x) * keySize * columns + column;
    for (int t = 0; t < length; t++) {
      const long long token = first + t;
      const float *query = q + token * keyHeads * keySize + keys;
      const float *key = k + token * keyHeads * keySize + keys;
      const float decay = decays[token * heads + head];
      float expected = 0.0f;
      for (int i = 0; i < keySize; i++) {
        const float kept = state[static_cast<long long>(i) * columns] * decay;
        state[static_cast<long long>(i) * columns] = kept;
        expected = __fmaf_rn(key[i], kept, expected);
      }
      const long long at = (token * heads + head) * columns + column;
      const float change = corrections[token * heads + head] * (v[at] - expected);
      float result = 0.0f;
      for (int i = 0; i < keySize; i++) {
        const float corrected = __fmaf_rn(key[i], change, state[static_cast<long long>(i) * columns]);
        state[static_cast<long long>(i) * columns] = corrected;
        result = __fmaf_rn(query[i], corrected, result);
      }
      out[at] = result;
    }
  }
}
