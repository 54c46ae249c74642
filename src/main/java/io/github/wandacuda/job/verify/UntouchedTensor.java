package io.github.wandacuda.job.verify;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.checkpoint.SafetensorsFile;
import io.github.wandacuda.io.checkpoint.TensorInfo;
import io.github.wandacuda.system.Job;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicBoolean;

/** Compares a tensor that wasn't to be pruned with its source's, piece by piece. */
final class UntouchedTensor implements Job {
  private final SafetensorsFile dense;
  private final SafetensorsFile pruned;
  private final TensorInfo tensor;
  private final TilePairs buffers;
  private final Failures failures;
  private final long pieceBytes;
  private final AtomicBoolean differs = new AtomicBoolean();

  UntouchedTensor(
      SafetensorsFile dense,
      SafetensorsFile pruned,
      TensorInfo tensor,
      TilePairs buffers,
      Failures failures) {
    this.dense = dense;
    this.pruned = pruned;
    this.tensor = tensor;
    this.buffers = buffers;
    this.failures = failures;
    pieceBytes = buffers.pieceBytes();
    buffers.reserve(Math.min(pieceBytes, tensor.bytes()));
  }

  @Override
  public Object lane() {
    return UntouchedTensor.class;
  }

  @Override
  public int tasks() {
    return Math.toIntExact(Math.ceilDiv(tensor.bytes(), pieceBytes));
  }

  @Override
  public void run(int worker, int piece) {
    long from = piece * pieceBytes;
    long count = Math.min(pieceBytes, tensor.bytes() - from);
    MemorySegment left = buffers.dense(worker, count);
    MemorySegment right = buffers.pruned(worker, count);
    dense.read(tensor, from, left);
    pruned.read(tensor, from, right);
    long mismatch = left.mismatch(right);
    if (mismatch >= 0 && differs.compareAndSet(false, true)) {
      report(
          from + mismatch,
          left.get(ValueLayout.JAVA_BYTE, mismatch),
          right.get(ValueLayout.JAVA_BYTE, mismatch));
    }
  }

  private void report(long at, byte expected, byte found) {
    failures.add(
        "%s: tensor %s: was not to be pruned, but differs at byte %d%s: expected 0x%02x, found 0x%02x"
            .formatted(
                Printable.of(pruned.path()),
                Printable.of(tensor.name()),
                at,
                place(at),
                expected,
                found));
  }

  /** Returns which element holds a byte, if the tensor is a matrix of a type that we know. */
  private String place(long at) {
    if (tensor.type().isEmpty() || !tensor.isMatrix()) {
      return "";
    }
    long element = at / tensor.type().get().bytes();
    long columns = tensor.shape().get(1);
    return " (row %d, column %d)".formatted(element / columns, element % columns);
  }
}
