#pragma OPENCL EXTENSION cl_khr_fp64 : enable

// The lower and the higher of two numbers as Java's Math.min and Math.max say, which give NaN for NaN.
double lower(double a, double b) {
  return isnan(a) || a < b ? a : b;
}

double higher(double a, double b) {
  return isnan(a) || a > b ? a : b;
}
