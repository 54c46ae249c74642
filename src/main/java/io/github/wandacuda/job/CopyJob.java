package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.system.Job;
import java.util.concurrent.atomic.AtomicInteger;

/** A job that copies a tensor that isn't pruned, piece by piece. */
final class CopyJob implements Job {
  private final SafetensorsFile shard;
  private final TensorInfo tensor;
  private final ShardWriter writer;
  private final TileBuffers buffers;
  private final PhaseClock clock;
  private final long pieceBytes;
  private final Runnable done;
  private final AtomicInteger left;

  /**
   * Prepares a copy.
   *
   * @param done called once, when the last piece is written
   */
  CopyJob(
      SafetensorsFile shard,
      TensorInfo tensor,
      ShardWriter writer,
      TileBuffers buffers,
      PhaseClock clock,
      Runnable done) {
    this.shard = shard;
    this.tensor = tensor;
    this.writer = writer;
    this.buffers = buffers;
    this.clock = clock;
    pieceBytes = buffers.memory().tileBytes();
    buffers.reserve(pieceBytes);
    this.done = done;
    left = new AtomicInteger(tasks());
  }

  @Override
  public Object lane() {
    return writer;
  }

  @Override
  public int tasks() {
    return Math.toIntExact(Math.ceilDiv(tensor.bytes(), pieceBytes));
  }

  @Override
  public void run(int worker, int piece) {
    long start = System.nanoTime();
    long from = piece * pieceBytes;
    long count = Math.min(pieceBytes, tensor.bytes() - from);
    writer.copy(shard, tensor, from, buffers.of(worker, count));
    clock.addReadWrite(System.nanoTime() - start);
    if (left.decrementAndGet() == 0) {
      done.run();
    }
  }
}
