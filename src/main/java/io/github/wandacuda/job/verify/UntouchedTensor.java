package io.github.wandacuda.job.verify;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.checkpoint.SafetensorsFile;
import io.github.wandacuda.io.checkpoint.TensorInfo;
import io.github.wandacuda.system.Job;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/** A job that compares a tensor that must not be pruned with the source's, piece by piece. */
final class UntouchedTensor implements Job {
  private final SafetensorsFile dense;
  private final SafetensorsFile pruned;
  private final TensorInfo tensor;
  private final TilePairs buffers;
  private final Failures failures;
  private final long pieceBytes;
  private final VerifiedBytes verified;
  private final AtomicInteger piecesLeft;
  private final AtomicBoolean differs = new AtomicBoolean();

  UntouchedTensor(
      SafetensorsFile dense,
      SafetensorsFile pruned,
      TensorInfo tensor,
      TilePairs buffers,
      Failures failures,
      VerifiedBytes verified) {
    this.dense = dense;
    this.pruned = pruned;
    this.tensor = tensor;
    this.buffers = buffers;
    this.failures = failures;
    this.verified = verified;
    pieceBytes = buffers.pieceBytes();
    piecesLeft = new AtomicInteger(tasks());
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
    if (piecesLeft.decrementAndGet() == 0) {
      verified.done(tensor);
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

  /** Returns the element of a byte in words, if the tensor is a matrix of a known type. */
  private String place(long at) {
    if (tensor.type().isEmpty() || !tensor.isMatrix()) {
      return "";
    }
    long element = at / tensor.type().get().bytes();
    long columns = tensor.shape().get(1);
    return " (row %d, column %d)".formatted(element / columns, element % columns);
  }
}
