package io.github.wandacuda.bench.device;

import io.github.wandacuda.backend.gpu.DeviceRows;

/** Queues a linear layer without a bias. */
@FunctionalInterface
public interface Linear {
  /** The name of the project's own GEMM. */
  String OWN = "linear";

  /** The name of the same in one pass, as cuBLAS multiplies. */
  String FAST = "linear fast";

  /** The name of what a run takes where it has a library, the conversion of inputs included. */
  String CHOSEN = "linear as run";

  /** The name of cuBLAS alone, on inputs that are of the weights' type already. */
  String CUBLAS = "cublasGemmEx";

  /**
   * Queues it.
   *
   * @param x [tokens, inputs]
   * @param weight [outputs, inputs]
   * @param out [tokens, outputs]
   */
  void apply(DeviceRows x, DeviceRows weight, DeviceRows out);
}
