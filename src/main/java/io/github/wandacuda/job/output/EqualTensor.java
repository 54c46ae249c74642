package io.github.wandacuda.job.output;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.system.Job;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/** A job that compares a tensor with the source's, piece by piece. */
public final class EqualTensor implements Job {
  private final SafetensorsFile source;
  private final SafetensorsFile other;
  private final TensorInfo tensor;
  private final long pieceBytes;
  private final TilePairs buffers;
  private final Consumer<Difference> different;
  private final Runnable compared;
  private final AtomicInteger piecesLeft;
  private final AtomicBoolean differs = new AtomicBoolean();

  /**
   * The first byte of a piece that differs.
   *
   * @param at its index in the tensor
   * @param expected the source's
   */
  public record Difference(long at, byte expected, byte found) {}

  /**
   * Prepares a tensor.
   *
   * @param other a file with the same tensor
   * @param buffers the workers' buffers, which are enlarged here
   * @param different takes the difference that is found first, and may throw
   * @param compared called when all pieces are compared
   */
  public EqualTensor(
      SafetensorsFile source,
      SafetensorsFile other,
      TensorInfo tensor,
      long pieceBytes,
      TilePairs buffers,
      Consumer<Difference> different,
      Runnable compared) {
    this.source = source;
    this.other = other;
    this.tensor = tensor;
    this.pieceBytes = pieceBytes;
    this.buffers = buffers;
    this.different = different;
    this.compared = compared;
    piecesLeft = new AtomicInteger(tasks());
    buffers.reserve(Math.min(pieceBytes, tensor.bytes()));
  }

  @Override
  public Object lane() {
    return EqualTensor.class;
  }

  @Override
  public int tasks() {
    return Math.toIntExact(Math.ceilDiv(tensor.bytes(), pieceBytes));
  }

  @Override
  public void run(int worker, int piece) {
    long from = piece * pieceBytes;
    long count = Math.min(pieceBytes, tensor.bytes() - from);
    MemorySegment expected = buffers.dense(worker, count);
    MemorySegment found = buffers.pruned(worker, count);
    source.read(tensor, from, expected);
    other.read(tensor, from, found);
    long mismatch = expected.mismatch(found);
    if (mismatch >= 0 && differs.compareAndSet(false, true)) {
      different.accept(
          new Difference(
              from + mismatch,
              expected.get(ValueLayout.JAVA_BYTE, mismatch),
              found.get(ValueLayout.JAVA_BYTE, mismatch)));
    }
    if (piecesLeft.decrementAndGet() == 0) {
      compared.run();
    }
  }
}
