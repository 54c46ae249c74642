package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DeviceQueue;
import io.github.wandacuda.bench.device.DeviceAccess;
import io.github.wandacuda.bench.device.Linear;
import io.github.wandacuda.forward.Precision;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** CUDA's linear layers, of which one may be cuBLAS's. */
public final class CudaAccess implements DeviceAccess {
  private final CudaQueue queue;
  private final CudaForwardKernels own;
  private final CudaForwardKernels fast;
  private final Optional<CublasLinear> cublas;

  /** Takes a queue of a CUDA device, which stays the caller's. */
  public CudaAccess(DeviceQueue queue) {
    this.queue = (CudaQueue) queue;
    own = new CudaForwardKernels(this.queue, Optional.empty(), Precision.HIGH);
    fast = new CudaForwardKernels(this.queue, Optional.empty(), Precision.FAST);
    cublas = CublasLinear.open(this.queue);
  }

  /** The program's own GEMMs, what the program takes, and cuBLAS alone on inputs of one type. */
  @Override
  public Map<String, Linear> linears() {
    Map<String, Linear> linears = new LinkedHashMap<>();
    linears.put(Linear.OWN, (x, w, out) -> own.linear(x, w, null, out));
    linears.put(Linear.FAST, (x, w, out) -> fast.linear(x, w, null, out));
    if (cublas.isPresent()) {
      linears.put(Linear.CHOSEN, (x, w, out) -> queue.forward().linear(x, w, null, out));
    }
    return linears;
  }

  @Override
  public Optional<Linear> reference() {
    return cublas.map(library -> (x, w, out) -> library.multiply(x, w, false, out));
  }

  @Override
  public Map<String, Object> facts() {
    CudaDevice device = queue.device();
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put(
        "compute_capability",
        device.info().capability() / 10 + "." + device.info().capability() % 10);
    facts.put("multiprocessors", device.info().multiprocessors());
    facts.put("linear", Cublas.linear());
    return facts;
  }

  @Override
  public void close() {
    queue.settle();
    own.close();
    fast.close();
    cublas.ifPresent(CublasLinear::close);
  }
}
