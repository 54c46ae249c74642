// Sums in pairs of floats, high + low, which hold 48 bits and need no cl_khr_fp64.

// Adds a term to high (x) and low (y). TwoSum (Knuth; Ogita, Rump and Oishi, "Accurate sum and dot product", 2005) gives
// the rounding error of high + term, exactly, and low collects it. A sum that has become infinite has no rounding error:
// the formula would give NaN.
float2 add_exactly(float2 sum, float term) {
  float high = sum.x + term;
  float share = high - sum.x;
  float error = (sum.x - (high - share)) + (term - share);
  float low = sum.y + (isinf(high) ? 0.0f : error);
  float total = high + low;
  return (float2)(total, isinf(total) ? 0.0f : low - (total - high));
}
