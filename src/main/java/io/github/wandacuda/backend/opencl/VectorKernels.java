package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.AttentionShape;
import io.github.wandacuda.backend.gpu.DeviceMatrix;
import io.github.wandacuda.backend.gpu.DevicePointer;

/** Launches work-groups of one work-item that computes with vectors: for processors. */
final class VectorKernels implements MatrixKernels {
  private static final int WIDEST = 16;
  private static final int NARROWEST = 4;

  /** Tokens whose sums fit into 32 vector registers, which come with vectors of 16 floats. */
  private static final int ROWS_OF_WIDEST = 12;

  /** Tokens whose sums fit into 16 vector registers. */
  private static final int ROWS_OF_OTHERS = 6;

  /** Tokens of a group, which share the work of packing a panel of weights. */
  private static final int TOKENS_PER_GROUP = 516;

  /** Groups that a compute unit should get, so that the last ones end together. */
  private static final int GROUPS_PER_UNIT = 4;

  /** A panel is packed for at least so many times the tokens whose sums fit into registers. */
  private static final int FEWEST_BLOCKS = 4;

  private final OpenClQueue queue;
  private final int units;
  private final int width;
  private final int rows;

  VectorKernels(OpenClQueue queue) {
    this(queue, queue.device().vectorWidth());
  }

  /**
   * Launches on a queue.
   *
   * @param vectorWidth floats of a vector register
   */
  VectorKernels(OpenClQueue queue, int vectorWidth) {
    this.queue = queue;
    this.units = queue.device().facts().computeUnits();
    this.width = Math.clamp(Integer.highestOneBit(vectorWidth), NARROWEST, WIDEST);
    this.rows = width == WIDEST ? ROWS_OF_WIDEST : ROWS_OF_OTHERS;
  }

  @Override
  public void linear(DeviceMatrix x, DeviceMatrix w, DevicePointer bias, DeviceMatrix out) {
    OpenClKernel kernel =
        kernel("linear_vectors.cl", "linear_vectors", MatrixKernels.weightOption(w.dtype()));
    int panels = Math.ceilDiv(w.rows(), panel());
    int tokens = tokensPerGroup(x.rows(), panels);
    queue.launch(
        kernel,
        new long[] {panels, Math.ceilDiv(x.rows(), tokens)},
        new long[] {1, 1},
        x.data(),
        w.data(),
        w.stride(),
        bias,
        out.data(),
        out.stride(),
        x.rows(),
        x.columns(),
        w.rows(),
        tokens);
  }

  /** Shares tokens out evenly, to more groups where there are too few panels for all units. */
  private int tokensPerGroup(int tokens, int panels) {
    int wanted = Math.ceilDiv(GROUPS_PER_UNIT * units, panels);
    int most = Math.ceilDiv(tokens, FEWEST_BLOCKS * rows);
    int groups = Math.max(Math.ceilDiv(tokens, TOKENS_PER_GROUP), Math.min(wanted, most));
    return Math.ceilDiv(Math.ceilDiv(tokens, groups), rows) * rows;
  }

  @Override
  public void attention(
      DeviceMatrix q,
      DeviceMatrix k,
      DeviceMatrix v,
      AttentionShape shape,
      DeviceMatrix keyBias,
      DeviceMatrix out) {
    OpenClKernel kernel =
        kernel(
            "attention_vectors.cl",
            "attention_vectors",
            "-D HEAD_SIZE=%d %s"
                .formatted(shape.headSize(), MatrixKernels.scoreOptions(shape, keyBias)));
    int length = shape.sequenceLength();
    queue.launch(
        kernel,
        new long[] {Math.ceilDiv(length, panel()), shape.heads(), q.rows() / length},
        new long[] {1, 1, 1},
        q.data(),
        k.data(),
        v.data(),
        MatrixKernels.dataOrNull(keyBias),
        out.data(),
        length,
        shape.heads(),
        shape.heads() / shape.keyValueHeads(),
        shape.scale(),
        shape.softcap(),
        shape.window());
  }

  private OpenClKernel kernel(String file, String name, String option) {
    String options = "%s -D WIDTH=%d -D ROWS=%d".formatted(option, width, rows);
    return queue.device().kernel(file, name, options);
  }

  /** Returns the features or queries of a group. */
  private int panel() {
    return 2 * width;
  }
}
