package io.github.wandacuda.simd;

import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.system.WorkerPool;

/**
 * Attention sequence by sequence: all workers pack its keys and values, then each task takes one
 * head and a block of its queries. Where keys and values were kept and a few queries are new, a
 * task takes some of these and some heads of keys and values, with the heads that share those.
 */
final class VectorAttention {
  private final AttentionPanels panels = new AttentionPanels();
  private final WorkerLocal<QueryBlock> blocks = new WorkerLocal<>(() -> new QueryBlock(panels));
  private final WorkerLocal<FewQueries> few = new WorkerLocal<>(FewQueries::new);

  /** See {@link CpuForwardKernels#attention}. */
  void attention(AttentionOperands<CpuTensor> operands, WorkerPool workers) {
    AttentionShape shape = operands.shape();
    if (shape.past() > 0) {
      extend(operands, workers);
      return;
    }
    blocks.prepare(workers);
    int parts = Math.ceilDiv(shape.sequenceLength(), QueryBlock.QUERIES);
    for (int start = 0; start < operands.q().rows(); start += shape.sequenceLength()) {
      int first = start;
      panels.pack(operands.k(), operands.v(), shape, start, workers);
      workers.run(
          shape.heads() * parts,
          (worker, task) -> {
            // The last queries see the most keys, so they come first and the last tasks are short.
            int part = parts - 1 - task % parts;
            blocks.of(worker).attend(operands, first, task / parts, part);
          });
    }
  }

  private void extend(AttentionOperands<CpuTensor> operands, WorkerPool workers) {
    AttentionShape shape = operands.shape();
    few.prepare(workers);
    int together = FewQueries.sharedHeads(shape, workers.count());
    int groups = Math.ceilDiv(shape.keyValueHeads(), together);
    int parts = Math.ceilDiv(shape.queries(), FewQueries.QUERIES);
    workers.run(
        operands.q().rows() / shape.queries() * parts * groups,
        (worker, task) -> {
          int head = task % groups * together;
          int headEnd = Math.min(shape.keyValueHeads(), head + together);
          int first = shape.past() + task / groups % parts * FewQueries.QUERIES;
          int end = Math.min(shape.sequenceLength(), first + FewQueries.QUERIES);
          FewQueries.Part part =
              new FewQueries.Part(task / groups / parts, head, headEnd, first, end);
          few.of(worker).attend(operands, part);
        });
  }
}
