package io.github.wandacuda.forward.simd;

import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.reference.CpuForwardKernels;
import io.github.wandacuda.forward.reference.CpuTensor;
import io.github.wandacuda.system.WorkerPool;

/**
 * Attention sequence by sequence: all workers pack its keys and values, then each task takes one
 * head and a block of its queries.
 */
final class VectorAttention {
  private final AttentionPanels panels = new AttentionPanels();
  private final WorkerLocal<QueryBlock> blocks = new WorkerLocal<>(() -> new QueryBlock(panels));

  /** See {@link CpuForwardKernels#attention}. */
  void attention(
      CpuTensor q,
      CpuTensor k,
      CpuTensor v,
      AttentionShape shape,
      CpuTensor keyBias,
      CpuTensor out,
      WorkerPool workers) {
    blocks.prepare(workers);
    int parts = Math.ceilDiv(shape.sequenceLength(), QueryBlock.QUERIES);
    for (int start = 0; start < q.rows(); start += shape.sequenceLength()) {
      int first = start;
      panels.pack(k, v, shape, start, workers);
      workers.run(
          shape.heads() * parts,
          (worker, task) -> {
            // The last queries see the most keys, so they come first and the last tasks are short.
            int part = parts - 1 - task % parts;
            blocks.of(worker).attend(q, shape, keyBias, first, task / parts, part, out);
          });
    }
  }
}
