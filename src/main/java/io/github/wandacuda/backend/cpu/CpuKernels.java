package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuSelectKernels;

/**
 * One set of kernels for all that the CPU backend computes.
 *
 * @param select the arithmetic of selection
 * @param forward the arithmetic of a decoder
 * @param description what they use of the processor, for people
 */
record CpuKernels(CpuSelectKernels select, CpuForwardKernels forward, String description) {}
